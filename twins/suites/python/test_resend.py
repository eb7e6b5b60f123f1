"""Resend's own client, unmodified but for the base URL, against the Resend twin."""

import json

import pytest
import resend
from resend.exceptions import ResendError

TWIN = "resend"


@pytest.fixture(scope="module", autouse=True)
def client(twin):
    resend.api_url, resend.api_key = twin.url, "re_123456789"
    return resend


def refused(call, *args):
    with pytest.raises(ResendError) as error:
        call(*args)
    return int(error.value.code), error.value.error_type


def mail(**more):
    return {"from": "Ada <ada@example.com>", "to": ["delivered@resend.dev"], "subject": "hello", "html": "<p>hi</p>", **more}


def test_an_email_is_sent_and_found_again(twin):
    sent = resend.Emails.send(mail(tags=[{"name": "kind", "value": "test"}], reply_to="r@example.com"))
    email = resend.Emails.get(sent["id"])
    assert (email["from"], email["to"], email["subject"], email["html"], email["reply_to"]) == ("Ada <ada@example.com>", ["delivered@resend.dev"], "hello", "<p>hi</p>", ["r@example.com"])
    assert email["last_event"] in ("sent", "delivered") and sent["id"] in [one["id"] for one in twin.admin("GET", "/admin/emails")]
    assert resend.Emails.list()["data"][0]["id"] == sent["id"]
    for _ in range(3):
        resend.Emails.send(mail())
    first = resend.Emails.list({"limit": 2})
    assert len(first["data"]) == 2 and first["has_more"]
    rest = resend.Emails.list({"limit": 2, "after": first["data"][1]["id"]})
    assert rest["data"][1]["id"] == sent["id"]
    assert refused(resend.Emails.get, "00000000-0000-4000-8000-000000000000") == (404, "not_found")


def test_what_cannot_be_sent_is_refused_by_name():
    assert refused(resend.Emails.send, {"to": "a@b.co", "subject": "x", "text": "x"}) == (422, "missing_required_field")
    assert refused(resend.Emails.send, mail(**{"from": "nonsense"})) == (422, "validation_error")
    assert refused(resend.Emails.send, mail(to="nonsense")) == (422, "validation_error")
    assert refused(resend.Emails.send, {"from": "a@b.co", "to": "a@b.co", "subject": "x"}) == (422, "validation_error")
    assert refused(resend.Emails.send, mail(attachments=[{"filename": "a.txt"}])) == (422, "invalid_attachment")
    resend.api_key = "nonsense"
    assert refused(resend.Emails.send, mail()) == (403, "invalid_api_key")
    resend.api_key = "re_123456789"


def test_a_key_makes_a_call_once():
    first = resend.Emails.send(mail(), {"idempotency_key": "once"})
    assert resend.Emails.send(mail(), {"idempotency_key": "once"})["id"] == first["id"]
    assert refused(resend.Emails.send, mail(subject="other"), {"idempotency_key": "once"})[0] == 409


def test_batches_go_whole_or_not_at_all(twin):
    sent = resend.Batch.send([mail(subject="1"), mail(subject="2")])["data"]
    assert [resend.Emails.get(one["id"])["subject"] for one in sent] == ["1", "2"]
    before = len(twin.admin("GET", "/admin/emails"))
    assert refused(resend.Batch.send, [mail(), mail(to="nonsense")]) == (422, "validation_error")
    assert len(twin.admin("GET", "/admin/emails")) == before
    some = resend.Batch.send([mail(), mail(to="nonsense")], {"batch_validation": "permissive"})
    assert len(some["data"]) == 1 and some["errors"][0]["index"] == 1


def test_scheduled_mail_can_be_moved_and_called_off(twin):
    one = resend.Emails.send(mail(scheduled_at="in 1 hour"))["id"]
    assert resend.Emails.get(one)["last_event"] == "scheduled"
    two = resend.Emails.send(mail(scheduled_at="in 2 min"))["id"]
    resend.Emails.cancel(two)
    assert resend.Emails.get(two)["last_event"] == "canceled"
    assert refused(resend.Emails.cancel, two)[0] == 422
    assert refused(resend.Emails.send, mail(scheduled_at="whenever"))[0] == 422


def test_mail_to_the_test_addresses_is_told_as_it_should_be(twin, receiver):
    hook = resend.Webhooks.create({"endpoint": receiver.url, "events": ["email.sent", "email.delivered", "email.bounced", "email.complained"]})
    ids = [resend.Emails.send(mail(to=f"{name}@resend.dev"))["id"] for name in ("delivered", "bounced+label", "complained")]
    came = receiver.wait(lambda came: len(came) >= 7)
    told = {}
    for headers, body in came:
        named = {"id": headers["svix-id"], "timestamp": headers["svix-timestamp"], "signature": headers["svix-signature"]}
        event = resend.Webhooks.verify({"payload": body.decode(), "headers": named, "webhook_secret": hook["signing_secret"]})
        told.setdefault(event["data"]["email_id"], []).append(event["type"])
        with pytest.raises(ValueError):
            resend.Webhooks.verify({"payload": body.decode() + " ", "headers": named, "webhook_secret": hook["signing_secret"]})
    assert told[ids[0]] == ["email.sent", "email.delivered"] and told[ids[1]] == ["email.sent", "email.bounced"]
    assert told[ids[2]] == ["email.sent", "email.delivered", "email.complained"]
    bounced = next(json.loads(body) for _, body in came if b"email.bounced" in body)
    assert bounced["data"]["bounce"]["type"] == "Permanent"
    assert resend.Emails.get(ids[1])["last_event"] == "bounced"
    got = resend.Webhooks.get(hook["id"])
    assert got["status"] == "enabled" and got["signing_secret"] == hook["signing_secret"]
    resend.Webhooks.update({"webhook_id": hook["id"], "status": "disabled"})
    resend.Emails.send(mail())
    resend.Webhooks.remove(hook["id"])
    assert len(receiver.came) == 7


def test_a_domain_is_verified_before_mail_goes_out_from_it(twin):
    domain = resend.Domains.create({"name": "twin.example"})
    assert domain["status"] == "not_started" and [one["record"] for one in domain["records"]] == ["SPF", "SPF", "DKIM"]
    assert refused(resend.Domains.create, {"name": "twin.example"})[0] == 403
    assert refused(resend.Emails.send, mail(**{"from": "a@twin.example"})) == (403, "validation_error")
    resend.Domains.verify(domain["id"])
    assert resend.Domains.get(domain["id"])["status"] == "pending"
    twin.admin("POST", "/admin/time/advance", {"duration": "10s"})
    verified = resend.Domains.get(domain["id"])
    assert verified["status"] == "verified" and {one["status"] for one in verified["records"]} == {"verified"}
    assert resend.Emails.send(mail(**{"from": "a@twin.example"}))["id"]
    resend.Domains.update({"id": domain["id"], "open_tracking": True})
    assert resend.Domains.list()["data"][0]["name"] == "twin.example"
    assert resend.Domains.remove(domain["id"])["deleted"]


def test_keys():
    key = resend.ApiKeys.create({"name": "ci"})
    assert key["token"].startswith("re_") and "ci" in [one["name"] for one in resend.ApiKeys.list()["data"]]
    resend.api_key = key["token"]
    assert resend.Emails.send(mail())["id"]
    resend.api_key = "re_123456789"
    resend.ApiKeys.remove(key["id"])
    resend.api_key = key["token"]
    assert refused(resend.Emails.send, mail()) == (403, "invalid_api_key")
    resend.api_key = "re_123456789"


def test_contacts_and_broadcasts(twin):
    segment = resend.Segments.create({"name": "News"})
    ada = resend.Contacts.create({"audience_id": segment["id"], "email": "ada@example.com", "first_name": "Ada"})
    bob = resend.Contacts.create({"audience_id": segment["id"], "email": "bob@example.com", "unsubscribed": True})
    assert resend.Contacts.get(audience_id=segment["id"], email="ada@example.com")["first_name"] == "Ada"
    assert {one["id"] for one in resend.Contacts.list(segment["id"])["data"]} == {ada["id"], bob["id"]}
    resend.Contacts.update({"audience_id": segment["id"], "id": ada["id"], "last_name": "L"})
    assert resend.Contacts.get(audience_id=segment["id"], id=ada["id"])["last_name"] == "L"
    made = resend.Broadcasts.create({"segment_id": segment["id"], "from": "a@example.com", "subject": "news", "html": "<p>n</p>", "name": "first"})
    assert resend.Broadcasts.get(made["id"])["status"] == "draft"
    resend.Broadcasts.send({"broadcast_id": made["id"]})
    assert [one["to"] for one in twin.admin("GET", "/admin/emails") if one["subject"] == "news"] == [["ada@example.com"]]
    twin.admin("POST", "/admin/time/advance", {"duration": "5s"})
    assert resend.Broadcasts.get(made["id"])["status"] == "sent"
    assert refused(resend.Broadcasts.remove, made["id"])[0] == 422
    resend.Contacts.remove(audience_id=segment["id"], email="bob@example.com")
    assert len(resend.Contacts.list(segment["id"])["data"]) == 1
    resend.Segments.remove(segment["id"])
    assert refused(resend.Segments.get, segment["id"]) == (404, "not_found")
