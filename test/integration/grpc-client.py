"""A person of a cluster as a Python program has it, made from plexus.proto by Debian's compiler: signs in, posts, and follows a room
from node to node. Its arguments are the addresses of the nodes; it says what it sees, a line of JSON each."""

import json
import sys

import grpc
from google.protobuf import json_format

import plexus_pb2 as plexus
import plexus_pb2_grpc as services

ROOM, NAME, PASSWORD, CONTROL = sys.argv[1:5]
ADDRESSES = sys.argv[5:]


def say(**facts):
    print(json.dumps(facts), flush=True)


def body_of(answer):
    return json_format.MessageToDict(answer.body)


def sign_in(channel):
    call = plexus.RouteCall(method="POST", path="/api/v1/sign-in")
    call.body.struct_value.update({"name": NAME, "password": PASSWORD})
    return body_of(services.RouteServiceStub(channel).Call(call, timeout=30))["token"]


def frames(commands):
    """One stream says its commands and stays open: what is read goes on until the call ends."""
    yield from commands


def follow(channel, metadata, cursor):
    """Yields durable events after the cursor. Ends with the stream."""
    subscribe = plexus.Subscribe(to="room/" + ROOM)
    if cursor is not None:
        subscribe.cursor = cursor
    commands = [plexus.ClientFrame(id=1, subscribe=subscribe)]
    for frame in services.StreamServiceStub(channel).Connect(frames(commands), metadata=metadata):
        kind = frame.WhichOneof("frame")
        if kind == "answer" and frame.answer.HasField("error"):
            raise RuntimeError(frame.answer.error.code)
        if kind == "answer":
            say(subscribed=True)
        if kind == "event" and frame.event.HasField("at"):
            yield frame.event.at, json_format.MessageToDict(frame.event.event)


def main():
    token = None
    cursor = None
    refused = None
    for turn in range(200):
        address = ADDRESSES[turn % len(ADDRESSES)]
        with grpc.insecure_channel(address) as channel:
            try:
                token = token or sign_in(channel)
                metadata = [("authorization", "Bearer " + token)]
                if turn == 0:
                    rooms = services.RoomServiceStub(channel)
                    rooms.Join(plexus.RoomJoinRequest(to=ROOM), metadata=metadata, timeout=30)
                    first = rooms.Post(plexus.RoomPostRequest(to=ROOM, text="from python", operation_id="py-1"), metadata=metadata, timeout=30)
                    again = rooms.Post(plexus.RoomPostRequest(to=ROOM, text="from python", operation_id="py-1"), metadata=metadata, timeout=30)
                    say(posted=first.seq, again=again.seq)
                    cursor = first.at
                    try:
                        rooms.SetTitle(plexus.RoomSetTitleRequest(to=ROOM, title="mine"), metadata=metadata, timeout=30)
                    except grpc.RpcError as error:
                        trailers = dict(error.trailing_metadata())
                        refused = [error.code().name, trailers["plexus-code"], trailers["plexus-outcome"]]
                    say(refused=refused)
                    admin = services.AdminServiceStub(channel)
                    try:
                        admin.GetStatus(plexus.AdminGetStatusRequest(), metadata=metadata, timeout=30)
                    except grpc.RpcError as error:
                        say(notAdmin=dict(error.trailing_metadata())["plexus-code"])
                    control = [("authorization", "Bearer " + CONTROL)]
                    tasks = admin.GetTasks(plexus.AdminGetTasksRequest(open=True), metadata=control, timeout=30)
                    me = admin.GetControlSelf(plexus.AdminGetControlSelfRequest(), metadata=control, timeout=30)
                    say(tasks=len(tasks.tasks), by=me.by)
                for at, event in follow(channel, metadata, cursor):
                    if event["type"] == "posted":
                        say(at=at, text=event["message"]["text"], node=address)
                    if event.get("message", {}).get("text") == "the end":
                        return
                    cursor = at
            except grpc.RpcError as error:
                say(lost=error.code().name, node=address)


main()
