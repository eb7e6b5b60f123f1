"""slack_sdk, unmodified but for the base URL, against the Slack twin."""

import json
import time
import urllib.request

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier

TWIN = "slack"


@pytest.fixture(scope="module")
def slack(twin):
    return WebClient(token="xoxb-1-2-abc", base_url=twin.url + "/api/")


@pytest.fixture(scope="module")
def admin(twin):
    return WebClient(token="xoxp-1-2-abc", base_url=twin.url + "/api/")


@pytest.fixture
def channel(slack, request):
    return slack.conversations_create(name=request.node.name.replace("test_", "")[:60])["channel"]["id"]


def refused(call, *args, **kwargs):
    with pytest.raises(SlackApiError) as error:
        call(*args, **kwargs)
    assert error.value.response.status_code == 200 and error.value.response["ok"] is False
    return error.value.response["error"]


def test_the_token_says_who_asks(twin, slack, admin):
    me = slack.auth_test()
    assert me["user"] == "twinbot" and me["bot_id"].startswith("B") and me["team_id"].startswith("T")
    assert admin.auth_test()["user"] == "admin" and "bot_id" not in admin.auth_test()
    assert WebClient(token="xoxp-ada", base_url=twin.url + "/").auth_test()["user"] == "ada"
    assert refused(WebClient(token="nonsense", base_url=twin.url + "/").auth_test) == "invalid_auth"
    assert refused(WebClient(base_url=twin.url + "/").auth_test) == "not_authed"
    assert refused(slack.api_call, "no.such.method") == "unknown_method"
    assert slack.api_test(foo="bar")["args"]["foo"] == "bar" and refused(slack.api_test, error="my_error") == "my_error"
    gone = WebClient(token="xoxb-gone", base_url=twin.url + "/")
    assert gone.auth_revoke()["revoked"] and refused(gone.auth_test) == "token_revoked"
    assert slack.bots_info(bot=me["bot_id"])["bot"]["user_id"] == me["user_id"]
    assert slack.team_info()["team"]["id"] == me["team_id"]


def test_a_message_is_posted_changed_and_deleted(slack, channel):
    posted = slack.chat_postMessage(channel=channel, text="hello", blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}])
    assert posted["channel"] == channel and posted["message"]["text"] == "hello" and posted["message"]["bot_id"].startswith("B")
    seconds, micros = posted["ts"].split(".")
    assert abs(int(seconds) - time.time()) < 60 and len(micros) == 6
    second = slack.chat_postMessage(channel=channel, text="again")["ts"]
    assert second > posted["ts"]
    slack.chat_update(channel=channel, ts=posted["ts"], text="hello, world")
    history = slack.conversations_history(channel=channel)["messages"]
    assert [one["text"] for one in history[:2]] == ["again", "hello, world"] and "edited" in history[1]
    assert posted["ts"].replace(".", "") in slack.chat_getPermalink(channel=channel, message_ts=posted["ts"])["permalink"]
    slack.chat_delete(channel=channel, ts=posted["ts"])
    assert refused(slack.chat_delete, channel=channel, ts=posted["ts"]) == "message_not_found"
    assert refused(slack.chat_postMessage, channel="C000NOWHERE", text="x") == "channel_not_found"
    assert refused(slack.chat_postMessage, channel=channel) == "no_text"
    assert refused(slack.chat_update, channel=channel, ts="1.000001", text="x") == "message_not_found"
    assert slack.chat_postMessage(channel="#general", text="by name")["ok"]


def test_threads_gather_their_replies(slack, admin, channel):
    root = slack.chat_postMessage(channel=channel, text="root")["ts"]
    admin.conversations_join(channel=channel)
    first = slack.chat_postMessage(channel=channel, text="one", thread_ts=root)["ts"]
    admin.chat_postMessage(channel=channel, text="two", thread_ts=first)
    slack.chat_postMessage(channel=channel, text="loud", thread_ts=root, reply_broadcast=True)
    replies = slack.conversations_replies(channel=channel, ts=root)["messages"]
    assert [one["text"] for one in replies] == ["root", "one", "two", "loud"]
    assert (replies[0]["reply_count"], replies[0]["reply_users_count"]) == (3, 2) and replies[1]["thread_ts"] == root
    texts = [one["text"] for one in slack.conversations_history(channel=channel)["messages"]]
    assert texts[0] == "loud" and "one" not in texts and texts[-1] == "root"
    assert refused(slack.conversations_replies, channel=channel, ts="1.000001") == "thread_not_found"


def test_pages_are_followed_by_cursors(slack, channel):
    sent = [slack.chat_postMessage(channel=channel, text=str(number))["ts"] for number in range(7)]
    pages = [[one["ts"] for one in page["messages"]] for page in slack.conversations_history(channel=channel, limit=3)]
    assert [len(page) for page in pages] == [3, 3, 1] and sum(pages, []) == sent[::-1]
    between = slack.conversations_history(channel=channel, oldest=sent[1], latest=sent[4])["messages"]
    assert [one["ts"] for one in between] == [sent[3], sent[2]]
    inclusive = slack.conversations_history(channel=channel, oldest=sent[1], latest=sent[4], inclusive=True, limit=1)
    assert inclusive["messages"][0]["ts"] == sent[4] and inclusive["has_more"]
    for number in range(4):
        slack.conversations_create(name=f"paged-{number}")
    seen = [one["name"] for page in slack.conversations_list(limit=2) for one in page["channels"]]
    assert len(seen) == len(set(seen)) and {"general", "random", "paged-0", "paged-3"} <= set(seen)
    assert refused(slack.conversations_list, cursor="nonsense") == "invalid_cursor"


def test_a_channel_lives(twin, slack, admin):
    made = slack.conversations_create(name="plans")["channel"]
    assert made["is_member"] and made["is_channel"] and not made["is_private"]
    assert refused(slack.conversations_create, name="plans") == "name_taken"
    assert refused(slack.conversations_create, name="No Spaces!") == "invalid_name_specials"
    me, other = slack.auth_test()["user_id"], admin.auth_test()["user_id"]
    slack.conversations_invite(channel=made["id"], users=[other])
    assert set(slack.conversations_members(channel=made["id"])["members"]) == {me, other}
    assert refused(slack.conversations_invite, channel=made["id"], users=[other]) == "already_in_channel"
    assert slack.conversations_setTopic(channel=made["id"], topic="what next")["channel"]["topic"]["value"] == "what next"
    assert slack.conversations_info(channel=made["id"], include_num_members=True)["channel"]["num_members"] == 2
    assert slack.conversations_rename(channel=made["id"], name="plots")["channel"]["name"] == "plots"
    slack.conversations_kick(channel=made["id"], user=other)
    assert refused(admin.chat_postMessage, channel=made["id"], text="let me in") == "not_in_channel"
    slack.conversations_archive(channel=made["id"])
    assert refused(slack.chat_postMessage, channel=made["id"], text="x") == "is_archived"
    assert "plots" not in [one["name"] for one in slack.conversations_list(exclude_archived=True)["channels"]]
    slack.conversations_unarchive(channel=made["id"])
    slack.conversations_leave(channel=made["id"])
    assert not slack.conversations_info(channel=made["id"])["channel"]["is_member"]
    hidden = slack.conversations_create(name="hidden", is_private=True)["channel"]
    assert refused(admin.conversations_info, channel=hidden["id"]) == "channel_not_found"
    assert [one["name"] for one in slack.conversations_list(types="private_channel")["channels"]] == ["hidden"]
    direct = slack.conversations_open(users=[other])["channel"]["id"]
    assert direct.startswith("D") and slack.conversations_open(users=[other], return_im=True)["already_open"]
    assert slack.chat_postMessage(channel=other, text="psst")["channel"] == direct


def test_people(slack, admin, twin):
    members = [one for page in slack.users_list(limit=2) for one in page["members"]]
    assert {"admin", "slackbot", "twinbot"} <= {one["name"] for one in members}
    boss = next(one for one in members if one["name"] == "admin")
    assert slack.users_lookupByEmail(email=boss["profile"]["email"])["user"]["id"] == boss["id"]
    assert refused(slack.users_lookupByEmail, email="no@example.com") == "users_not_found"
    assert refused(slack.users_info, user="U0") == "user_not_found"
    admin.users_profile_set(profile={"status_text": "out", "real_name": "Ada Admin"})
    profile = slack.users_profile_get(user=boss["id"])["profile"]
    assert (profile["status_text"], profile["real_name"]) == ("out", "Ada Admin")
    assert slack.users_info(user=boss["id"])["user"]["real_name"] == "Ada Admin"
    assert slack.users_getPresence(user=boss["id"])["presence"] == "active"


def test_reactions_and_pins(slack, admin, channel):
    ts = slack.chat_postMessage(channel=channel, text="like me")["ts"]
    slack.reactions_add(channel=channel, timestamp=ts, name="thumbsup")
    assert refused(slack.reactions_add, channel=channel, timestamp=ts, name=":thumbsup:") == "already_reacted"
    admin.conversations_join(channel=channel)
    admin.reactions_add(channel=channel, timestamp=ts, name="thumbsup")
    reaction = slack.reactions_get(channel=channel, timestamp=ts)["message"]["reactions"][0]
    assert (reaction["name"], reaction["count"], len(reaction["users"])) == ("thumbsup", 2, 2)
    slack.reactions_remove(channel=channel, timestamp=ts, name="thumbsup")
    assert refused(slack.reactions_remove, channel=channel, timestamp=ts, name="thumbsup") == "no_reaction"
    slack.pins_add(channel=channel, timestamp=ts)
    assert refused(slack.pins_add, channel=channel, timestamp=ts) == "already_pinned"
    assert [one["message"]["ts"] for one in slack.pins_list(channel=channel)["items"]] == [ts]
    slack.pins_remove(channel=channel, timestamp=ts)
    assert slack.pins_list(channel=channel)["items"] == []


def test_files_go_up_in_three_steps(slack, channel):
    done = slack.files_upload_v2(channel=channel, filename="notes.txt", content="some notes", title="Notes", initial_comment="look")
    file = slack.files_info(file=done["file"]["id"])["file"]
    assert (file["name"], file["title"], file["size"], file["mimetype"], file["channels"]) == ("notes.txt", "Notes", 10, "text/plain", [channel])
    message = slack.conversations_history(channel=channel)["messages"][0]
    assert message["text"] == "look" and message["files"][0]["id"] == file["id"]
    request = urllib.request.Request(file["url_private"], headers={"authorization": f"Bearer {slack.token}"})
    assert urllib.request.urlopen(request).read() == b"some notes"
    assert file["id"] in [one["id"] for one in slack.files_list(channel=channel)["files"]]
    slack.files_delete(file=file["id"])
    assert refused(slack.files_info, file=file["id"]) == "file_not_found"


def test_scheduled_messages_come_when_their_time_does(twin, slack, channel, receiver):
    now = int(time.time())
    twin.admin("PUT", "/admin/config", {"webhook_url": receiver.url})
    assert refused(slack.chat_scheduleMessage, channel=channel, text="x", post_at=now - 10) == "time_in_past"
    one = slack.chat_scheduleMessage(channel=channel, text="later", post_at=now + 3600)["scheduled_message_id"]
    two = slack.chat_scheduleMessage(channel=channel, text="never", post_at=now + 3600)["scheduled_message_id"]
    assert {item["id"] for item in slack.chat_scheduledMessages_list(channel=channel)["scheduled_messages"]} == {one, two}
    slack.chat_deleteScheduledMessage(channel=channel, scheduled_message_id=two)
    assert slack.conversations_history(channel=channel)["messages"] == []
    twin.admin("POST", "/admin/time/advance", {"duration": "2h"})
    # It is told of before anybody asks.
    came = receiver.wait(lambda came: len(came) >= 1)
    assert json.loads(came[0][1])["event"]["text"] == "later"
    twin.admin("PUT", "/admin/config", {"webhook_url": ""})
    assert [item["text"] for item in slack.conversations_history(channel=channel)["messages"]] == ["later"]
    assert slack.chat_scheduledMessages_list(channel=channel)["scheduled_messages"] == []


def test_ephemeral_messages_reach_members_only(slack, admin, channel):
    assert refused(slack.chat_postEphemeral, channel=channel, user=admin.auth_test()["user_id"], text="x") == "user_not_in_channel"
    assert "message_ts" in slack.chat_postEphemeral(channel=channel, user=slack.auth_test()["user_id"], text="x")


def test_views(slack):
    view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}], "callback_id": "c"}
    opened = slack.views_open(trigger_id="1.2.3", view=view)["view"]
    assert opened["id"].startswith("V") and opened["blocks"][0]["block_id"]
    updated = slack.views_update(view_id=opened["id"], hash=opened["hash"], view=view)["view"]
    assert updated["hash"] != opened["hash"]
    assert refused(slack.views_update, view_id=opened["id"], hash=opened["hash"], view=view) == "hash_conflict"
    assert refused(slack.views_open, trigger_id="1.2.3", view={"type": "modal", "blocks": []}) == "invalid_arguments"
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    assert slack.views_publish(user_id=slack.auth_test()["user_id"], view=home)["view"]["type"] == "home"


def test_events_go_out_signed(twin, slack, channel, receiver):
    twin.admin("PUT", "/admin/config", {"webhook_url": receiver.url})
    ts = slack.chat_postMessage(channel=channel, text=f"hello <@{slack.auth_test()['user_id']}>")["ts"]
    slack.reactions_add(channel=channel, timestamp=ts, name="wave")
    came = receiver.wait(lambda came: len(came) >= 3)
    verifier = SignatureVerifier("twin-signing-secret", clock=At(came[0][0]["x-slack-request-timestamp"]))
    events = []
    for headers, body in came:
        assert verifier.is_valid_request(body, headers)
        assert not SignatureVerifier("other", clock=verifier.clock).is_valid_request(body, headers)
        events.append(json.loads(body))
    assert [one["event"]["type"] for one in events] == ["message", "app_mention", "reaction_added"]
    assert all(one["type"] == "event_callback" and one["event_id"].startswith("Ev") for one in events)
    assert events[0]["event"]["ts"] == ts and events[2]["event"]["item"] == {"type": "message", "channel": channel, "ts": ts}
    twin.admin("PUT", "/admin/config", {"webhook_url": ""})


class At(Clock):
    """The twin's clock, which a test may have moved."""

    def __init__(self, seconds):
        self.seconds = float(seconds)

    def now(self):
        return self.seconds


def test_too_many_requests_say_when_to_come_again(twin, slack):
    twin.admin("POST", "/admin/fault/api/chat.postMessage", {"status_code": 429})
    with pytest.raises(SlackApiError) as error:
        slack.chat_postMessage(channel="#general", text="x")
    twin.admin("DELETE", "/admin/fault/api/chat.postMessage")
    response = error.value.response
    assert (response.status_code, response["error"]) == (429, "ratelimited") and int(response.headers["Retry-After"]) > 0
    assert slack.chat_postMessage(channel="#general", text="x")["ok"]


def test_blocks_have_ids_and_types_that_there_are(slack, channel):
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}
    named, unnamed = slack.chat_postMessage(channel=channel, text="hi", blocks=[{**section, "block_id": "mine"}, section])["message"]["blocks"]
    assert named["block_id"] == "mine" and unnamed["block_id"]
    assert refused(slack.chat_postMessage, channel=channel, text="hi", blocks=[{"type": "nope"}]) == "invalid_blocks"


def test_a_view_is_pushed_onto_the_last(slack):
    view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": []}
    first = slack.views_open(trigger_id="1.2.a", view=view)["view"]
    second = slack.views_push(trigger_id="1.2.b", view=view)["view"]
    assert (second["previous_view_id"], second["root_view_id"]) == (first["id"], first["id"])
