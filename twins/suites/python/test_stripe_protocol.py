"""Stripe's own Python client: what every resource has in common, and events."""

import json
import urllib.request

import pytest
import stripe

from stripe_world import connect, errors, paid, paying_customer, plain

TWIN = "stripe"


@pytest.fixture(autouse=True)
def client(twin):
    connect(twin)


def test_errors_carry_what_the_client_shows_of_them():
    with pytest.raises(errors.InvalidRequestError) as missing:
        stripe.Customer.retrieve("cus_none")
    error = missing.value
    assert error.http_status == 404 and error.code == "resource_missing" and error.param == "id"
    assert str(error).endswith("No such customer: 'cus_none'") and error.request_id.startswith("req_")
    assert error.json_body["error"]["type"] == "invalid_request_error" and error.json_body["error"]["doc_url"]
    with pytest.raises(errors.InvalidRequestError) as unknown:
        stripe.Customer.create(nmae="Ada", address={"strete": "x"})
    assert unknown.value.code == "parameter_unknown" and unknown.value.http_status == 400
    with pytest.raises(errors.InvalidRequestError) as wrong:
        stripe.Customer.create(balance="much")
    assert wrong.value.code == "parameter_invalid_integer" and wrong.value.param == "balance"
    with pytest.raises(errors.InvalidRequestError) as choice:
        stripe.PaymentIntent.create(amount=1000, currency="usd", capture_method="never")
    assert choice.value.param == "capture_method"


def test_keys_are_asked_for(twin):
    stripe.api_key = "nonsense"
    with pytest.raises(errors.AuthenticationError) as wrong:
        stripe.Customer.list()
    assert wrong.value.http_status == 401
    with pytest.raises(urllib.error.HTTPError) as none:
        urllib.request.urlopen(twin.url + "/v1/customers")
    assert none.value.code == 401 and json.load(none.value)["error"]["type"] == "invalid_request_error"


def test_what_is_absent_is_told_and_counted(twin):
    request = urllib.request.Request(twin.url + "/v1/nothing", headers={"authorization": "Bearer sk_test_123"})
    with pytest.raises(urllib.error.HTTPError) as absent:
        urllib.request.urlopen(request)
    assert absent.value.code == 404 and absent.value.headers["x-wondertwin-absent"] == "true"
    assert "Unrecognized request URL" in json.load(absent.value)["error"]["message"]
    assert twin.admin("GET", "/admin/status")["absent"] == 1


def test_metadata_is_merged_and_taken_away():
    customer = stripe.Customer.create(metadata={"a": "1", "b": "2"})
    assert plain(stripe.Customer.modify(customer.id, metadata={"b": "", "c": "3"}).metadata) == {"a": "1", "c": "3"}
    assert plain(stripe.Customer.modify(customer.id, metadata="").metadata) == {}
    product = stripe.Product.create(name="Gold", metadata={"a": "1"})
    changed = stripe.Product.modify(product.id, metadata={"b": "2"})
    assert plain(changed.metadata) == {"a": "1", "b": "2"}


def test_nested_fields_and_empty_texts():
    customer = stripe.Customer.create(
        name="Ada", phone="+49301234", address={"line1": "Street 1", "city": "Berlin", "country": "DE"},
        shipping={"name": "Ada", "address": {"line1": "Street 2"}}, preferred_locales=["de", "en"],
        invoice_settings={"custom_fields": [{"name": "VAT", "value": "DE1"}], "footer": "thanks"},
    )
    assert customer.address.city == "Berlin" and customer.shipping.address.line1 == "Street 2"
    assert customer.preferred_locales == ["de", "en"] and customer.invoice_settings.custom_fields[0].value == "DE1"
    assert stripe.Customer.modify(customer.id, phone="", name="Ada L.").phone is None
    assert stripe.Customer.modify(customer.id, shipping="").shipping is None


def test_lists_are_paged_both_ways_and_bounded():
    made = [stripe.Customer.create(name=f"n{number}", email="even@x.y" if number % 2 == 0 else "odd@x.y").id for number in range(7)][::-1]
    first = stripe.Customer.list(limit=3)
    assert [one.id for one in first] == made[:3] and first.has_more and first.url == "/v1/customers" and first.object == "list"
    second = stripe.Customer.list(limit=3, starting_after=made[2])
    assert [one.id for one in second] == made[3:6]
    back = stripe.Customer.list(limit=2, ending_before=made[3])
    assert [one.id for one in back] == made[1:3]
    assert [one.id for one in stripe.Customer.list(limit=2).auto_paging_iter()] == made
    assert [one.id for one in stripe.Customer.list(limit=2, ending_before=made[-1]).auto_paging_iter()] == made[:-1][::-1]
    assert [one.id for one in stripe.Customer.list(email="even@x.y")] == made[::2]
    created = stripe.Customer.retrieve(made[0]).created
    assert len(stripe.Customer.list(created={"gte": created - 1000}).data) == 7
    assert stripe.Customer.list(created={"lt": created - 1000}).data == []
    with pytest.raises(errors.InvalidRequestError):
        stripe.Customer.list(limit=1000)
    with pytest.raises(errors.InvalidRequestError):
        stripe.Customer.list(starting_after="cus_none")


def test_searches_understand_their_language():
    for number, plan in enumerate(["gold", "gold", "iron"]):
        stripe.Customer.create(name=f"Person {number}", email=f"p{number}@example.com", metadata={"plan": plan})

    def names(query):
        return sorted(one.name[-1] for one in stripe.Customer.search(query=query).auto_paging_iter())

    assert names("metadata['plan']:'gold'") == ["0", "1"]
    assert names("metadata['plan']:'gold' AND -name:'Person 1'") == ["0"]
    assert names("email:'p0@example.com' OR email:'p2@example.com'") == ["0", "2"]
    assert names("name~'person'") == ["0", "1", "2"]
    assert names("-metadata['plan']:'gold'") == ["2"]
    assert names("metadata['none']:null") == ["0", "1", "2"]
    assert names("created>1000000000") == ["0", "1", "2"]
    page = stripe.Customer.search(query="name~'person'", limit=2)
    assert page.object == "search_result" and page.has_more and page.next_page
    with pytest.raises(errors.InvalidRequestError):
        stripe.Customer.search(query="name='x'")


def test_references_are_shown_whole_where_asked():
    customer, method = paying_customer()
    intent = paid(1000, card=method.id, customer=customer.id, expand=["customer.invoice_settings.default_payment_method", "latest_charge.balance_transaction"])
    assert intent.customer.invoice_settings.default_payment_method.card.last4 == "4242"
    assert intent.latest_charge.balance_transaction.object == "balance_transaction"
    listed = stripe.Charge.list(expand=["data.customer", "data.payment_intent.payment_method"]).data[0]
    assert listed.customer.email == "ada@example.com" and listed.payment_intent.payment_method.id == method.id
    booked = stripe.BalanceTransaction.list(expand=["data.source"]).data[0]
    assert booked.source.object == "charge"
    with pytest.raises(errors.InvalidRequestError) as nothing:
        stripe.Customer.retrieve(customer.id, expand=["nothing"])
    assert "cannot be expanded" in str(nothing.value)


def test_a_request_under_a_key_counts_once():
    first = stripe.PaymentIntent.create(amount=1000, currency="usd", idempotency_key="order-1")
    again = stripe.PaymentIntent.create(amount=1000, currency="usd", idempotency_key="order-1")
    assert again.id == first.id and again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(errors.IdempotencyError):
        stripe.PaymentIntent.create(amount=2000, currency="usd", idempotency_key="order-1")
    for _ in range(2):
        with pytest.raises(errors.CardError) as declined:
            paid(card="pm_card_chargeDeclined", idempotency_key="order-2")
        assert declined.value.code == "card_declined"
    assert len(stripe.PaymentIntent.list().data) == 2


def test_answers_name_their_version_and_request():
    customer = stripe.Customer.create(idempotency_key="k")
    headers = customer.last_response.headers
    assert headers["stripe-version"] == "2023-08-16" and headers["request-id"].startswith("req_") and headers["idempotency-key"] == "k"
    assert customer.last_response.code == 200 and customer.last_response.request_id == headers["request-id"]


def test_webhook_endpoints_are_kept_and_say_their_secret_once(receiver):
    made = stripe.WebhookEndpoint.create(url=receiver.url, enabled_events=["customer.created"], description="mine", metadata={"a": "b"}, api_version="2023-08-16")
    assert made.secret.startswith("whsec_") and made.status == "enabled" and made.api_version == "2023-08-16"
    read = stripe.WebhookEndpoint.retrieve(made.id)
    assert getattr(read, "secret", None) is None and read.enabled_events == ["customer.created"]
    customer = stripe.Customer.create(name="Ada")
    stripe.Product.create(name="Gold")
    stripe.Customer.modify(customer.id, name="Eve")
    stripe.WebhookEndpoint.modify(made.id, enabled_events=["product.created"])
    stripe.Product.create(name="Iron")
    came = receiver.wait(lambda came: len(came) >= 2)
    events = [stripe.Webhook.construct_event(body, headers["stripe-signature"], made.secret) for headers, body in came]
    assert [event.type for event in events] == ["customer.created", "product.created"]
    assert events[0].data.object.name == "Ada" and events[0].api_version == "2023-08-16" and events[0]["request"]["id"]
    with pytest.raises(errors.SignatureVerificationError):
        stripe.Webhook.construct_event(came[0][1], came[0][0]["stripe-signature"], "whsec_other")
    assert stripe.WebhookEndpoint.modify(made.id, disabled=True).status == "disabled"
    assert stripe.WebhookEndpoint.delete(made.id).deleted


def test_events_are_kept_in_order_and_found_by_type():
    customer = stripe.Customer.create(name="Ada")
    stripe.Customer.modify(customer.id, name="Eve", metadata={"a": "b"})
    stripe.Customer.delete(customer.id)
    events = stripe.Event.list().data
    assert [event.type for event in events] == ["customer.deleted", "customer.updated", "customer.created"]
    assert events[1].data.previous_attributes["name"] == "Ada" and events[1].data.object.name == "Eve"
    assert stripe.Event.retrieve(events[2].id).data.object.id == customer.id
    assert [event.type for event in stripe.Event.list(types=["customer.created", "customer.deleted"])] == ["customer.deleted", "customer.created"]
    assert [event.type for event in stripe.Event.list(type="customer.*")] == [event.type for event in events]


def test_files_are_uploaded_and_linked(tmp_path):
    path = tmp_path / "evidence.txt"
    path.write_text("a receipt")
    with open(path, "rb") as data:
        upload = stripe.File.create(file=data, purpose="dispute_evidence")
    assert upload.object == "file" and upload.purpose == "dispute_evidence" and upload.size == 9 and upload.filename == "evidence.txt"
    link = stripe.FileLink.create(file=upload.id)
    assert link.file == upload.id and link.url
    assert [one.id for one in stripe.File.list(purpose="dispute_evidence")] == [upload.id]


def test_searches_are_followed_from_page_to_page():
    made = [stripe.Customer.create(email=f"u{number}@pager.com").id for number in range(25)]
    first = stripe.Customer.search(query="email~'pager'", limit=10)
    assert len(first.data) == 10 and first.has_more and "/" not in first.next_page
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]
