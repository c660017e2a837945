"""The gRPC API before a client of another language, which learns it from the server's reflection."""

import grpc

import harness
import reflection

CONFIG = """
version: 1
daemon: {name: edge-a, shutdown: {drain: 5s}}
loops: [{names: "io-{index}", count: 3}]
workloads: [{name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}]
metrics: {enabled: false}
"""
HEALTH = "grpc.health.v1.Health"


class Api(harness.DaemonTest):
    def setUp(self):
        self.daemon = self.start(CONFIG)
        self.admin = self.client(self.daemon.admin)
        self.observer = self.client(self.daemon.observe)

    def client(self, path):
        client = reflection.Client(path)
        self.addCleanup(client.close)
        return client

    def fails(self, client, code, reason, *call, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            client.call(*call, **fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        info = client.error_info(caught.exception)
        self.assertEqual((info.reason, info.domain), (reason, "evloopd"))
        return info

    def state(self, loop):
        answer = self.observer.call("LoopService", "GetLoop", name=f"loops/{loop}")
        return answer.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[answer.state].name

    def test_reflection_lists_all_services(self):
        for client in (self.admin, self.observer):
            self.assertEqual(sorted(client.services()), [
                "evloopd.control.v1.DaemonService", "evloopd.control.v1.InspectionService",
                "evloopd.control.v1.LoopService", "evloopd.control.v1.WorkloadService", HEALTH,
                "grpc.reflection.v1alpha.ServerReflection"])
        methods = self.admin.service("LoopService").methods_by_name
        self.assertTrue({"ListLoops", "GetLoop", "CreateLoop", "StartLoop", "StopLoop", "DrainLoop", "CloseLoop", "DeleteLoop",
                         "RunUntilComplete", "ShutdownAsyncgens"} <= set(methods))

    def test_loops_come_in_pages(self):
        first = self.observer.call("LoopService", "ListLoops", page_size=2)
        self.assertEqual([loop.name for loop in first.loops], ["loops/io-0", "loops/io-1"])
        second = self.observer.call("LoopService", "ListLoops", page_size=2, page_token=first.next_page_token)
        self.assertEqual([loop.name for loop in second.loops], ["loops/io-2"])
        self.assertEqual(second.next_page_token, "")
        for loop in [*first.loops, *second.loops]:
            self.assertTrue(loop.asyncio.is_running)
            self.assertTrue(loop.uid)
            self.assertEqual({c.type: c.status for c in loop.conditions}["Ready"], True)

    def test_errors_carry_a_reason_for_programs(self):
        info = self.fails(self.admin, grpc.StatusCode.NOT_FOUND, "LOOP_NOT_FOUND", "LoopService", "GetLoop",
                          name="loops/nobody")
        self.assertEqual(info.metadata["loop"], "nobody")
        info = self.fails(self.admin, grpc.StatusCode.INVALID_ARGUMENT, "BAD_ARGUMENT", "LoopService", "CreateLoop",
                          loop_id="No Name")
        self.assertEqual(info.metadata["given"], "No Name")
        self.fails(self.admin, grpc.StatusCode.ALREADY_EXISTS, "LOOP_EXISTS", "LoopService", "CreateLoop",
                   loop_id="io-0")
        self.fails(self.admin, grpc.StatusCode.FAILED_PRECONDITION, "LOOP_RUNNING", "LoopService", "CloseLoop",
                   name="loops/io-0")
        info = self.fails(self.observer, grpc.StatusCode.PERMISSION_DENIED, "ROLE_TOO_LOW", "LoopService", "StopLoop",
                          name="loops/io-0")
        self.assertEqual(info.metadata["needed_role"], "operator")

    def test_a_loop_runs_jobs_and_is_deleted(self):
        created = self.admin.call("LoopService", "CreateLoop", loop_id="batch", labels={"team": "a"})
        self.assertEqual((created.name, dict(created.labels)), ("loops/batch", {"team": "a"}))
        answer = self.admin.call("LoopService", "RunUntilComplete", name="loops/batch",
                                 job={"kind": "sleep", "options": {"duration": "5ms"}})
        self.assertIn("slept", answer.result)
        self.assertEqual(self.state("batch"), "LOOP_STATE_CREATED", "as it was before")
        self.admin.call("LoopService", "ShutdownAsyncgens", name="loops/batch")
        self.admin.call("LoopService", "CloseLoop", name="loops/batch")
        self.assertEqual(self.state("batch"), "LOOP_STATE_CLOSED")
        self.admin.call("LoopService", "DeleteLoop", name="loops/batch")
        self.fails(self.admin, grpc.StatusCode.NOT_FOUND, "LOOP_NOT_FOUND", "LoopService", "GetLoop",
                   name="loops/batch")

    def test_cancelling_the_call_cancels_the_job(self):
        self.admin.call("LoopService", "CreateLoop", loop_id="batch")
        call = self.admin.start("LoopService", "RunUntilComplete", name="loops/batch",
                                job={"kind": "sleep", "options": {"duration": "1h"}})
        tasks = lambda: self.observer.call("InspectionService", "ListTasks", parent="loops/batch").tasks
        task, = harness.wait_until(tasks, "the job runs")
        self.assertEqual(task.display_name, "sleep")
        self.assertEqual(task.waiting_on, "timer")
        self.assertTrue(task.frames[-1].line)
        call.cancel()
        harness.wait_until(lambda: self.state("batch") == "LOOP_STATE_CREATED", "the loop is free")
        cancelled = self.observer.call("LoopService", "GetLoop", name="loops/batch").counters.tasks_cancelled
        self.assertEqual(cancelled, 1)

    def test_a_loop_stopped_under_its_job_ends_the_call(self):
        self.admin.call("LoopService", "CreateLoop", loop_id="batch")
        call = self.admin.start("LoopService", "RunUntilComplete", name="loops/batch",
                                job={"kind": "sleep", "options": {"duration": "1h"}})
        harness.wait_until(lambda: self.state("batch") == "LOOP_STATE_RUNNING", "the job runs")
        self.admin.call("LoopService", "StopLoop", name="loops/batch")
        error = call.exception(timeout=harness.PATIENCE)
        self.assertEqual(error.code(), grpc.StatusCode.ABORTED)
        self.assertEqual(self.admin.error_info(error).reason, "LOOP_STOPPED_EARLY")

    def drain(self, loop, **options):
        return self.admin.start("LoopService", "DrainLoop", name=f"loops/{loop}", **options)

    def outcome(self, progress):
        return progress.DESCRIPTOR.fields_by_name["outcome"].enum_type.values_by_number[progress.outcome].name

    def test_a_drain_waits_for_connections_and_can_be_joined(self):
        self.admin.call("LoopService", "StopLoop", name="loops/io-1")
        self.admin.call("LoopService", "StopLoop", name="loops/io-2")
        with harness.connect(self.daemon.port("echo")) as client:
            client.sendall(b"x")
            harness.receive(client, 1)
            drain = self.drain("io-0")
            first = next(drain)
            self.assertEqual((first.name, first.connections_left), ("loops/io-0", 1))
            self.assertEqual(self.state("io-0"), "LOOP_STATE_DRAINING")
            # On a busy machine the loop may not have begun yet.
            begun = first if first.HasField("deadline") else next(told for told in drain if told.HasField("deadline"))
            self.assertGreater(begun.deadline.seconds, begun.snapshot_time.seconds)
            drain.cancel()
            again = self.drain("io-0")
            self.assertEqual(next(again).connections_left, 1, "it goes on")
            client.sendall(b"y")
            self.assertEqual(harness.receive(client, 1), b"y")
        *_, last = again
        self.assertEqual(self.outcome(last), "DRAIN_OUTCOME_DRAINED")
        self.assertEqual(self.state("io-0"), "LOOP_STATE_STOPPED")

    def test_a_drain_cuts_what_is_left_at_its_deadline(self):
        self.admin.call("LoopService", "StopLoop", name="loops/io-1")
        self.admin.call("LoopService", "StopLoop", name="loops/io-2")
        with harness.connect(self.daemon.port("echo")) as client:
            client.sendall(b"x")
            harness.receive(client, 1)
            *_, last = self.drain("io-0", timeout=2)
            self.assertEqual((self.outcome(last), last.connections_cut), ("DRAIN_OUTCOME_TIMEOUT", 1))
            self.assertEqual(client.recv(1), b"", "cut")

    def test_workloads_and_the_daemon_tell_about_themselves(self):
        workload, = self.observer.call("WorkloadService", "ListWorkloads").workloads
        self.assertEqual((workload.name, workload.kind), ("workloads/echo", "tcp.echo"))
        self.assertEqual(list(workload.loops), ["loops/io-0", "loops/io-1", "loops/io-2"])
        same = self.observer.call("WorkloadService", "GetWorkload", name="workloads/echo")
        self.assertEqual(list(same.listeners), [f"127.0.0.1:{self.daemon.port('echo')}"])
        self.assertFalse(same.HasField("upstreams"))
        self.fails(self.observer, grpc.StatusCode.NOT_FOUND, "WORKLOAD_NOT_FOUND", "WorkloadService", "GetWorkload",
                   name="workloads/nobody")
        daemon = self.observer.call("DaemonService", "GetDaemon")
        self.assertEqual((daemon.name, daemon.pid), ("edge-a", self.daemon.process.pid))
        self.assertEqual(sorted(daemon.job_kinds), ["probe.tcp", "sleep"])
        self.assertEqual((daemon.loop_count, daemon.workload_count), (3, 1))

    def test_health_has_a_service_for_each_loop(self):
        check = lambda service: self.observer.call(HEALTH, "Check", service=service).status
        self.assertEqual(check(""), 1)
        self.assertEqual(check("evloopd.loops/io-0"), 1)
        watch = self.observer.start(HEALTH, "Watch", service="evloopd.loops/io-0")
        self.assertEqual(next(watch).status, 1)
        self.admin.call("LoopService", "StopLoop", name="loops/io-0")
        self.assertEqual(next(watch).status, 2)
        self.assertEqual(check("evloopd.loops/io-1"), 1, "the others are as they were")
        self.admin.call("LoopService", "StartLoop", name="loops/io-0")
        self.assertEqual(next(watch).status, 1)
        watch.cancel()
        with self.assertRaises(grpc.RpcError) as caught:
            check("evloopd.loops/nobody")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)


if __name__ == "__main__":
    harness.main()
