"""What could be wrong with what is said to AWS, or by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.planted.change import Planted, form, refused, target, xml

DEFECTS: Final = {
    "an unknown field": Planted(
        "RunInstances, request", form("ImageId=", "ImageName="), "ImageName is unknown"
    ),
    "snake case": Planted(
        "RunInstances, request",
        form("InstanceType=", "instance_type="),
        "instance_type is unknown",
    ),
    "a wrong type": Planted(
        "RunInstances, request", form("MinCount=1", "MinCount=one"), "parameter MinCount"
    ),
    "a number botocore would not write": Planted(
        "RunInstances, request", form("MinCount=1", "MinCount=01"), "MinCount is '01'"
    ),
    "a required field missing": Planted(
        "RunInstances, request", form("&MaxCount=1", ""), '"MaxCount"'
    ),
    "a value that nobody lists": Planted(
        "RunInstances, request",
        form("HttpTokens=required", "HttpTokens=please"),
        "MetadataOptions.HttpTokens is 'please' and none of optional, required",
    ),
    "an unknown operation": Planted(
        "DescribeInstances, request",
        form("DescribeInstances", "ListInstances"),
        "ListInstances is no operation of ec2",
    ),
    "another version": Planted(
        "DescribeInstances, request",
        form("Version=2016-11-15", "Version=2014-01-01"),
        "Version is '2014-01-01'",
    ),
    "a wrong path": Planted(
        "DescribeInstances, request", target("/", "/instances"), "is no operation of ec2"
    ),
    "an unsigned request": Planted(
        "DescribeInstances, request",
        lambda exchange: replace(exchange, sent_headers={}),
        "Authorization names no service",
    ),
    "an answer with an unknown field": Planted(
        "DescribeInstances, answer",
        xml("<instanceType>", "<size>1</size><instanceType>"),
        "instancesSet[0].size is unknown",
    ),
    "an answer in the case of the SDK": Planted(
        "RunInstances, answer",
        xml("<reservationId>", "<ReservationId>1</ReservationId><reservationId>"),
        "ReservationId is unknown",
    ),
    "an answer with a wrong type": Planted(
        "RunInstances, answer", xml("<code>0<", "<code>none<"), "code is 'none'"
    ),
    "an answer with no instant": Planted(
        "RunInstances, answer",
        xml("<launchTime>", "<launchTime>on "),
        "launchTime is 'on ",
    ),
    "an answer with a value that nobody lists": Planted(
        "RunInstances, answer", xml("<name>pending<", "<name>coming<"), "'coming'"
    ),
    "a list without items": Planted(
        "RunInstances, answer",
        xml("<instancesSet><item>", "<instancesSet><member>"),
        "not XML",
    ),
    "an answer to something else": Planted(
        "RunInstances, answer",
        lambda exchange: replace(
            exchange, told=exchange.told.replace(b"RunInstancesResponse", b"RunResponse")
        ),
        "RunResponse and not in RunInstancesResponse",
    ),
    "an error of another form": Planted(
        "RunInstances, answer",
        refused(400, b"<Response><Error><Code>X</Code></Error></Response>"),
        "Errors is missing",
    ),
}
