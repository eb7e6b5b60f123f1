"""Twilio's own client, unmodified but for where its requests go, against the Twilio twin."""

import datetime
import urllib.parse

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

TWIN = "twilio"
ACCOUNT, TOKEN = "AC" + "1" * 32, "the-auth-token"


class ToTwin(TwilioHttpClient):
    """The client's own, but for the host: all of Twilio's are one here."""

    def __init__(self, url):
        super().__init__()
        self.host = url.removeprefix("http://")

    def request(self, method, url, *args, **kwargs):
        place = urllib.parse.urlsplit(url)
        return super().request(method, place._replace(scheme="http", netloc=self.host).geturl(), *args, **kwargs)


@pytest.fixture(scope="module")
def twilio(twin):
    return Client(ACCOUNT, TOKEN, http_client=ToTwin(twin.url))


def refused(call, *args, **kwargs):
    with pytest.raises(TwilioRestException) as error:
        call(*args, **kwargs)
    return error.value.status, error.value.code


def test_a_message_is_delivered_in_time(twin, twilio):
    message = twilio.messages.create(to="(415) 555-2671", from_="+15005550006", body="hello")
    assert (message.status, message.to, message.num_segments, message.direction) == ("queued", "+14155552671", "1", "outbound-api")
    assert message.sid.startswith("SM") and len(message.sid) == 34 and isinstance(message.date_created, datetime.datetime)
    assert message.date_sent is None and message.uri == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{message.sid}.json"
    twin.admin("POST", "/admin/time/advance", {"duration": "10s"})
    delivered = message.fetch()
    assert delivered.status == "delivered" and delivered.date_sent is not None
    assert message.sid in [one["sid"] for one in twin.admin("GET", "/admin/messages")]
    assert message.update(body="").body == ""
    message.delete()
    assert refused(message.fetch) == (404, 20404)


def test_numbers_of_the_test_credentials_are_refused(twilio):
    def send(to="+14155552671", from_="+15005550006", **more):
        return refused(twilio.messages.create, to=to, from_=from_, **{"body": "x", **more})

    assert send(to="+15005550001") == (400, 21211) and send(to="nonsense") == (400, 21211)
    assert send(to="+15005550002") == (400, 21612) and send(to="+15005550003") == (400, 21408)
    assert send(to="+15005550004") == (400, 21610) and send(to="+15005550009") == (400, 21614)
    assert send(from_="+15005550001") == (400, 21212) and send(from_="+15005550007") == (400, 21606)
    assert send(from_="+15005550008") == (400, 21611)
    assert send(body="x" * 1601) == (400, 21617) and send(body="") == (400, 21602)
    assert refused(twilio.messages.create, to="+14155552671", body="x") == (400, 21603)


def test_the_account_is_who_it_says(twin, twilio):
    assert twilio.api.accounts(ACCOUNT).fetch().sid == ACCOUNT
    assert twilio.api.accounts(ACCOUNT).balance.fetch().currency == "USD"
    other = Client(ACCOUNT, TOKEN, account_sid="AC" + "2" * 32, http_client=ToTwin(twin.url))
    assert refused(other.messages("SM" + "0" * 32).fetch) == (401, 20003)
    nobody = Client("nobody", TOKEN, account_sid=ACCOUNT, http_client=ToTwin(twin.url))
    assert refused(nobody.messages("SM" + "0" * 32).fetch) == (401, 20003)


def test_callbacks_are_signed_with_the_auth_token(twin, twilio, receiver):
    message = twilio.messages.create(to="+14155552671", from_="+15005550006", body="tell me", status_callback=receiver.url)
    twin.admin("POST", "/admin/time/advance", {"duration": "10s"})
    came = receiver.wait(lambda came: len(came) >= 2)
    validator, states = RequestValidator(TOKEN), []
    for headers, body in came:
        fields = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        assert validator.validate(receiver.url, fields, headers["x-twilio-signature"])
        assert not RequestValidator("other").validate(receiver.url, fields, headers["x-twilio-signature"])
        assert fields["MessageSid"] == message.sid and fields["AccountSid"] == ACCOUNT
        states.append(fields["MessageStatus"])
    assert states == ["sent", "delivered"]


def test_messages_are_listed_by_page_and_number(twin):
    twilio = Client("AC" + "3" * 32, TOKEN, http_client=ToTwin(twin.url))
    sids = [twilio.messages.create(to=f"+1415555000{number % 3}", from_="+15005550006", body=str(number)).sid for number in range(7)]
    assert [one.sid for one in twilio.messages.list(page_size=3)] == sids[::-1]
    page = twilio.messages.page(page_size=3)
    assert len(list(page)) == 3 and page.next_page_url and page.previous_page_url is None
    second = page.next_page()
    assert [one.sid for one in second] == sids[::-1][3:6] and second.previous_page_url
    assert [one.body for one in twilio.messages.list(to="+14155550000")] == ["6", "3", "0"]
    assert len(twilio.messages.list(limit=2)) == 2
    assert twilio.messages.list(date_sent_after=datetime.datetime(2200, 1, 1)) == []


def test_media(twilio):
    message = twilio.messages.create(to="+14155552671", from_="+15005550006", media_url=["https://example.com/a.jpg", "https://example.com/b.jpg"])
    assert message.sid.startswith("MM") and message.num_media == "2"
    media = message.media.list()
    assert [one.content_type for one in media] == ["image/jpeg"] * 2 and media[0].parent_sid == message.sid
    assert twilio.messages(message.sid).media(media[0].sid).delete()
    assert len(message.media.list()) == 1


def test_services_choose_a_sender_and_schedule(twin, twilio):
    number = twilio.incoming_phone_numbers.create(phone_number="+14155559999")
    try:
        service = twilio.messaging.v1.services.create("alerts")
        assert service.sid.startswith("MG") and twilio.messaging.v1.services(service.sid).phone_numbers.create(number.sid).phone_number == "+14155559999"
        message = twilio.messages.create(to="+14155552671", messaging_service_sid=service.sid, body="by service")
        assert (message.status, message.from_, message.messaging_service_sid) == ("accepted", "+14155559999", service.sid)
        at = message.date_created + datetime.timedelta(hours=1)
        later = twilio.messages.create(to="+14155552671", messaging_service_sid=service.sid, body="later", schedule_type="fixed", send_at=at)
        assert later.status == "scheduled"
        assert later.update(status="canceled").status == "canceled"
        assert refused(twilio.messages.create, to="+14155552671", messaging_service_sid="MG" + "0" * 32, body="x") == (400, 21703)
        assert refused(twilio.messages.create, to="+14155552671", from_="+14155550000", body="not mine") == (400, 21606)
        assert [one.sid for one in twilio.messaging.v1.services.list()] == [service.sid]
        assert twilio.messaging.v1.services(service.sid).delete()
    finally:
        number.delete()


def test_phone_numbers(twilio):
    available = twilio.available_phone_numbers("US").local.list(area_code=415, limit=5)
    assert len(available) == 5 and all(one.phone_number.startswith("+1415") for one in available)
    mine = twilio.incoming_phone_numbers.create(phone_number=available[0].phone_number, friendly_name="mine", sms_url="https://example.com/sms")
    assert (mine.friendly_name, mine.sms_url, mine.capabilities["sms"]) == ("mine", "https://example.com/sms", True)
    assert available[0].phone_number not in [one.phone_number for one in twilio.available_phone_numbers("US").local.list(area_code=415)]
    assert mine.update(friendly_name="yours").friendly_name == "yours"
    assert [one.sid for one in twilio.incoming_phone_numbers.list(phone_number=mine.phone_number)] == [mine.sid]
    assert refused(twilio.incoming_phone_numbers.create, phone_number="+15005550000") == (400, 21422)
    assert refused(twilio.incoming_phone_numbers.create, phone_number="+15005550001") == (400, 21421)
    assert refused(twilio.incoming_phone_numbers.create, area_code="533") == (400, 21452)
    assert mine.delete() and refused(mine.fetch) == (404, 20404)


def test_a_call_goes_through_its_states(twin, twilio, receiver):
    call = twilio.calls.create(to="+14155552671", from_="+15005550006", url="https://example.com/twiml", status_callback=receiver.url, status_callback_event=["initiated", "answered", "completed"])
    assert call.sid.startswith("CA") and call.status == "queued"
    twin.admin("POST", "/admin/time/advance", {"duration": "5s"})
    assert call.fetch().status == "in-progress"
    twin.admin("POST", "/admin/time/advance", {"duration": "30s"})
    done = call.fetch()
    assert (done.status, done.duration) == ("completed", "10")
    came = receiver.wait(lambda came: len(came) >= 3)
    assert [dict(urllib.parse.parse_qsl(body.decode()))["CallStatus"] for _, body in came] == ["initiated", "in-progress", "completed"]
    ended = twilio.calls.create(to="+14155552671", from_="+15005550006", twiml="<Response/>")
    assert ended.update(status="completed").status == "completed"
    assert refused(twilio.calls.create, to="+15005550001", from_="+15005550006", url="https://x.example") == (400, 21217)
    assert refused(twilio.calls.create, to="+14155552671", from_="+15005550006") == (400, 21205)


def test_lookups(twilio):
    number = twilio.lookups.v2.phone_numbers("+14155552671").fetch(fields="line_type_intelligence")
    assert (number.valid, number.country_code, number.national_format) == (True, "US", "(415) 555-2671")
    assert number.line_type_intelligence["type"] == "mobile"
    short = twilio.lookups.v2.phone_numbers("+1415555").fetch()
    assert not short.valid and short.validation_errors == ["TOO_SHORT"]


def test_a_code_is_sent_checked_and_expires(twin, twilio):
    service = twilio.verify.v2.services.create(friendly_name="Twin")
    place = twilio.verify.v2.services(service.sid)
    started = place.verifications.create(to="+14155552671", channel="sms")
    assert (started.status, started.valid, len(started.send_code_attempts)) == ("pending", False, 1)
    code = twin.admin("GET", "/admin/otp?to=%2B14155552671")["code"]
    assert len(code) == 6 and code.isdigit()
    wrong = place.verification_checks.create(to="+14155552671", code="x" + code[1:])
    assert (wrong.status, wrong.valid) == ("pending", False)
    right = place.verification_checks.create(to="+14155552671", code=code)
    assert (right.status, right.valid) == ("approved", True)
    assert refused(place.verification_checks.create, to="+14155552671", code=code) == (404, 20404)
    again = place.verifications.create(to="+14155552671", channel="sms")
    twin.admin("POST", f"/admin/verifications/{again.sid}/expire")
    assert refused(place.verification_checks.create, to="+14155552671", code=code) == (404, 20404)
    place.verifications.create(to="a@example.com", channel="email")
    for _ in range(5):
        place.verification_checks.create(to="a@example.com", code="000000x")
    assert refused(place.verification_checks.create, to="a@example.com", code="000000x") == (429, 60202)
    third = place.verifications.create(to="+14155552672", channel="call")
    assert place.verifications(third.sid).update(status="canceled").status == "canceled"
    assert refused(place.verifications.create, to="+14155552671", channel="pigeon") == (400, 60200)
    assert refused(place.verifications.create, to="nonsense", channel="sms") == (400, 60200)
    place.verifications.create(to="+14155552673", channel="sms")
    twin.admin("POST", "/admin/time/advance", {"duration": "11m"})
    assert refused(place.verifications("+14155552673").fetch) == (404, 20404)
    assert refused(twilio.verify.v2.services("VA" + "0" * 32).fetch) == (404, 20404)
