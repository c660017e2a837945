#include "workloads/checks/health_message.h"

#include <gtest/gtest.h>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

using namespace std::string_literals;

std::string framed(const std::string& message) { return "\0\0\0\0"s + static_cast<char>(message.size()) + message; }
std::string refusal(const std::string& body) {
  try {
    return status_name(parse_health_response(body));
  } catch (const evloop::ValueError& error) {
    return error.what();
  }
}

TEST(HealthMessage, ARequestIsOneFieldInAFrame) {
  EXPECT_EQ(health_request(""), "\0\0\0\0\0"s);
  EXPECT_EQ(health_request("a.B"),
            "\0\0\0\0\x05\x0a\x03"
            "a.B"s);
  const std::string longer(300, 'x');
  EXPECT_EQ(health_request(longer), "\0\0\0\x01\x2f\x0a\xac\x02"s + longer);
}

TEST(HealthMessage, AnAnswerSaysItsStatus) {
  EXPECT_EQ(parse_health_response(framed("\x08\x01")), ServingStatus::serving);
  EXPECT_EQ(parse_health_response(framed("\x08\x02")), ServingStatus::not_serving);
  EXPECT_EQ(parse_health_response(framed("")), ServingStatus::unknown) << "which protobuf does not send";
  EXPECT_EQ(parse_health_response(framed("\x08\x02\x08\x01")), ServingStatus::serving) << "the last one counts";
  EXPECT_EQ(status_name(parse_health_response(framed("\x08\x03"))), "SERVICE_UNKNOWN");
  EXPECT_EQ(status_name(parse_health_response(framed("\x08\xac\x02"))), "status 300");
}

TEST(HealthMessage, FieldsOfALaterVersionAreSkipped) {
  EXPECT_EQ(parse_health_response(framed("\x10\x80\x01\x19"s + "12345678"s + "\x22\x02ok\x2d"s + "1234"s + "\x08\x01")),
            ServingStatus::serving);
  EXPECT_EQ(parse_health_response(framed("\x0a\x01x\x08\x01")), ServingStatus::serving) << "field 1 of another type";
}

TEST(HealthMessage, WhatIsNoneIsRefused) {
  EXPECT_EQ(refusal(""), "the answer has no message");
  EXPECT_EQ(refusal("\0\0\0\0"s), "the answer has no message");
  EXPECT_EQ(refusal("\x01\0\0\0\0"s), "the answer is compressed, which was not asked for");
  EXPECT_EQ(refusal(framed("\x08\x01") + framed("\x08\x01")), "the answer is not one message");
  EXPECT_EQ(refusal("\0\xff\xff\xff\xff"s), "the answer is not one message");
  EXPECT_EQ(refusal(framed("\x08")), "the answer is no health message: it ends within a field");
  EXPECT_EQ(refusal(framed("\x12\x05x")), "the answer is no health message: it ends within a field");
  EXPECT_EQ(refusal(framed("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
            "the answer is no health message: it ends within a field");
  EXPECT_EQ(refusal(framed("\x08" + std::string(11, '\xff'))), "the answer is no health message: a number without end");
  EXPECT_EQ(refusal(framed("\x0b")), "the answer is no health message: a field of no known type");
}

}  // namespace
}  // namespace evloopd::workloads
