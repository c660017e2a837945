"""A gRPC client that knows nothing of evloopd beforehand: it asks the server's reflection service what there is, and
makes its messages and calls from the answer. Only the few messages of reflection itself are written down here."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto


def _reflection_file():
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="grpc.reflection.v1alpha",
                                              syntax="proto3")

    def message(name, *fields):
        added = file.message_type.add(name=name)
        for number, field_name, kind, repeated in fields:
            field = added.field.add(name=field_name, number=number,
                                    label=Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type = Field.TYPE_MESSAGE
                field.type_name = f".{file.package}.{kind}"
            else:
                field.type = kind

    message("ServerReflectionRequest",
            (3, "file_by_filename", Field.TYPE_STRING, False),
            (4, "file_containing_symbol", Field.TYPE_STRING, False),
            (7, "list_services", Field.TYPE_STRING, False))
    message("ServerReflectionResponse",
            (4, "file_descriptor_response", "FileDescriptorResponse", False),
            (6, "list_services_response", "ListServiceResponse", False),
            (7, "error_response", "ErrorResponse", False))
    message("FileDescriptorResponse", (1, "file_descriptor_proto", Field.TYPE_BYTES, True))
    message("ListServiceResponse", (1, "service", "ServiceResponse", True))
    message("ServiceResponse", (1, "name", Field.TYPE_STRING, False))
    message("ErrorResponse", (1, "error_code", Field.TYPE_INT32, False), (2, "error_message", Field.TYPE_STRING, False))
    return file


class Client:
    """One connection to one socket. `call("LoopService", "GetLoop", name="loops/io-0")` answers with the message."""

    def __init__(self, socket_path, package="evloopd.control.v1"):
        self.channel = grpc.insecure_channel(f"unix:{socket_path}", options=[("grpc.enable_http_proxy", 0)])
        self.package = package
        self._pool = descriptor_pool.DescriptorPool()
        self._messages = message_factory.MessageFactory(self._pool)
        self._files = set()
        own = descriptor_pool.DescriptorPool()
        own.Add(_reflection_file())
        factory = message_factory.MessageFactory(own)
        prototype = lambda name: factory.GetPrototype(own.FindMessageTypeByName(f"grpc.reflection.v1alpha.{name}"))
        self._request, self._response = prototype("ServerReflectionRequest"), prototype("ServerReflectionResponse")

    def close(self):
        self.channel.close()

    def _ask(self, **question):
        method = self.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                            request_serializer=self._request.SerializeToString,
                                            response_deserializer=self._response.FromString)
        answer, = method(iter([self._request(**question)]), timeout=30)
        if answer.HasField("error_response"):
            raise LookupError(answer.error_response.error_message)
        return answer

    def services(self):
        """The names of all services."""
        return [service.name for service in self._ask(list_services="*").list_services_response.service]

    def _learn(self, **question):
        """Adds a file, and before it those it imports, to what is known."""
        for data in self._ask(**question).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            if file.name in self._files:
                continue
            self._files.add(file.name)
            for dependency in file.dependency:
                if dependency not in self._files:
                    self._learn(file_by_filename=dependency)
            self._pool.Add(file)

    def _find(self, name, find):
        try:
            return find(name)
        except KeyError:
            self._learn(file_containing_symbol=name)
            return find(name)

    def service(self, name):
        """A service's description; `name` in full or within the package."""
        return self._find(name if "." in name else f"{self.package}.{name}", self._pool.FindServiceByName)

    def message(self, name):
        """A message's class, by its full name."""
        return self._messages.GetPrototype(self._find(name, self._pool.FindMessageTypeByName))

    def start(self, service, method, /, timeout=30, **fields):
        """Begins a call: a future of a unary one, an iterator of a stream."""
        description = self.service(service)
        found = description.methods_by_name[method]
        request = self._messages.GetPrototype(found.input_type)
        response = self._messages.GetPrototype(found.output_type)
        streams = descriptor_pb2.MethodDescriptorProto()
        found.CopyToProto(streams)
        make = self.channel.unary_stream if streams.server_streaming else self.channel.unary_unary
        call = make(f"/{description.full_name}/{method}", request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString)
        return call(request(**fields), timeout=timeout) if streams.server_streaming else call.future(
            request(**fields), timeout=timeout)

    def call(self, service, method, /, timeout=30, **fields):
        """A unary call's answer, or grpc.RpcError."""
        return self.start(service, method, timeout, **fields).result()

    def error_info(self, error):
        """The google.rpc.ErrorInfo of a failed call."""
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        status = self.message("google.rpc.Status").FromString(details)
        assert status.code == error.code().value[0] and status.message == error.details()
        info = self.message("google.rpc.ErrorInfo")()
        assert len(status.details) == 1 and status.details[0].Unpack(info)
        return info
