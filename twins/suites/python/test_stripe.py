"""Stripe's own Python client against the twin: its objects, its errors, and one customer's life."""

import json

import pytest
import stripe

TWIN = "stripe"


@pytest.fixture(autouse=True)
def client(twin):
    twin.admin("POST", "/admin/reset")
    stripe.api_base = twin.url
    stripe.api_key = "sk_test_123"
    stripe.api_version = "2023-08-16"
    stripe.max_network_retries = 0


def paying_customer(card="pm_card_visa", **fields):
    customer = stripe.Customer.create(email="ada@example.com", **fields)
    method = stripe.PaymentMethod.attach(card, customer=customer.id)
    stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": method.id})
    return customer, method


def monthly(amount=1500, **fields):
    product = stripe.Product.create(name="Gold")
    return stripe.Price.create(product=product.id, unit_amount=amount, currency="usd", recurring={"interval": "month"}, **fields)


def test_a_customer_is_made_read_changed_listed_and_deleted():
    customer = stripe.Customer.create(name="Ada", email="ada@example.com", metadata={"plan": "gold"})
    assert customer.id.startswith("cus_") and customer.balance == 0 and customer.livemode is False
    assert stripe.Customer.retrieve(customer.id).email == "ada@example.com"
    changed = stripe.Customer.modify(customer.id, name="Ada L.", metadata={"plan": "", "seats": "3"})
    assert changed.name == "Ada L." and changed.metadata.to_dict() == {"seats": "3"}
    for number in range(25):
        stripe.Customer.create(name=f"n{number}")
    names = [one.name for one in stripe.Customer.list(limit=10).auto_paging_iter()]
    assert len(names) == 26 and names[0] == "n24" and names[-1] == "Ada L."
    assert stripe.Customer.delete(customer.id).deleted
    assert stripe.Customer.retrieve(customer.id).deleted


def test_errors_are_those_of_the_client():
    with pytest.raises(stripe.error.InvalidRequestError) as missing:
        stripe.Customer.retrieve("cus_none")
    assert missing.value.code == "resource_missing" and missing.value.http_status == 404
    with pytest.raises(stripe.error.InvalidRequestError) as unknown:
        stripe.Customer.create(nmae="Ada")
    assert unknown.value.code == "parameter_unknown" and unknown.value.param == "nmae"
    with pytest.raises(stripe.error.InvalidRequestError) as lacking:
        stripe.PaymentIntent.create(currency="usd")
    assert lacking.value.param == "amount"
    stripe.api_key = "nonsense"
    with pytest.raises(stripe.error.AuthenticationError):
        stripe.Customer.list()


def test_an_idempotent_request_counts_once():
    first = stripe.Customer.create(name="Ada", idempotency_key="k1")
    assert stripe.Customer.create(name="Ada", idempotency_key="k1").id == first.id
    with pytest.raises(stripe.error.IdempotencyError):
        stripe.Customer.create(name="Eve", idempotency_key="k1")


def test_a_payment_intent_goes_through_its_states():
    intent = stripe.PaymentIntent.create(amount=2000, currency="usd", payment_method_types=["card"])
    assert intent.status == "requires_payment_method" and intent.client_secret.startswith(intent.id + "_secret_")
    intent = stripe.PaymentIntent.modify(intent.id, payment_method="pm_card_visa")
    assert intent.status == "requires_confirmation"
    intent = stripe.PaymentIntent.confirm(intent.id, expand=["latest_charge.balance_transaction"])
    assert intent.status == "succeeded" and intent.amount_received == 2000
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    assert intent.latest_charge.balance_transaction.fee == 88
    with pytest.raises(stripe.error.InvalidRequestError) as again:
        stripe.PaymentIntent.confirm(intent.id)
    assert again.value.code == "payment_intent_unexpected_state"


def test_a_declined_card_is_a_card_error_and_the_intent_remembers():
    with pytest.raises(stripe.error.CardError) as declined:
        stripe.PaymentIntent.create(
            amount=2000, currency="usd", confirm=True, payment_method="pm_card_chargeDeclinedInsufficientFunds",
            payment_method_types=["card"],
        )
    error = declined.value.error
    assert (error.code, error.decline_code) == ("card_declined", "insufficient_funds")
    intent = stripe.PaymentIntent.retrieve(error.payment_intent.id)
    assert intent.status == "requires_payment_method" and intent.last_payment_error.code == "card_declined"
    assert stripe.Charge.retrieve(intent.latest_charge).status == "failed"


def test_an_authorised_amount_is_captured_in_part_or_given_back():
    held = dict(amount=2000, currency="usd", confirm=True, capture_method="manual", payment_method="pm_card_visa", payment_method_types=["card"])
    intent = stripe.PaymentIntent.create(**held)
    assert intent.status == "requires_capture" and intent.amount_capturable == 2000
    intent = stripe.PaymentIntent.capture(intent.id, amount_to_capture=1500)
    assert intent.status == "succeeded" and intent.amount_received == 1500
    other = stripe.PaymentIntent.cancel(stripe.PaymentIntent.create(**held).id)
    assert other.status == "canceled"
    assert stripe.Charge.retrieve(other.latest_charge).refunded


def test_a_setup_intent_makes_a_card_ready():
    customer = stripe.Customer.create()
    intent = stripe.SetupIntent.create(customer=customer.id, payment_method="pm_card_visa", confirm=True, payment_method_types=["card"])
    assert intent.status == "succeeded"
    methods = stripe.PaymentMethod.list(customer=customer.id, type="card")
    assert [one.id for one in methods] == [intent.payment_method]
    assert stripe.PaymentMethod.detach(intent.payment_method).customer is None


def test_charges_and_refunds_move_the_balance():
    charge = stripe.Charge.create(amount=1000, currency="usd", source="tok_bypassPending")
    assert charge.paid and charge.payment_method_details.card.last4 == "0077"
    fee = stripe.BalanceTransaction.retrieve(charge.balance_transaction).fee
    assert stripe.Balance.retrieve().available[0].amount == 1000 - fee
    refund = stripe.Refund.create(charge=charge.id, amount=400)
    assert refund.status == "succeeded"
    with pytest.raises(stripe.error.InvalidRequestError):
        stripe.Refund.create(charge=charge.id, amount=700)
    stripe.Refund.create(charge=charge.id)
    assert stripe.Charge.retrieve(charge.id).refunded
    with pytest.raises(stripe.error.InvalidRequestError) as again:
        stripe.Refund.create(charge=charge.id)
    assert again.value.code == "charge_already_refunded"
    with pytest.raises(stripe.error.InvalidRequestError) as poor:
        stripe.Payout.create(amount=10_000, currency="usd")
    assert poor.value.code == "balance_insufficient"


def test_a_dispute_is_won_with_evidence():
    intent = stripe.PaymentIntent.create(
        amount=5000, currency="usd", confirm=True, payment_method="pm_card_createDispute", payment_method_types=["card"]
    )
    dispute = stripe.Dispute.list(payment_intent=intent.id).data[0]
    assert dispute.status == "needs_response" and dispute.amount == 5000
    dispute = stripe.Dispute.modify(dispute.id, evidence={"uncategorized_text": "winning_evidence"})
    assert dispute.status == "won"


def test_sources_tokens_and_default_cards():
    token = stripe.Token.create(card={"number": "4242424242424242", "exp_month": 5, "exp_year": 2035, "cvc": "314"})
    customer = stripe.Customer.create(source=token.id)
    card = stripe.Customer.list_sources(customer.id).data[0]
    assert card.id == customer.default_source and card.brand == "Visa"
    assert stripe.Charge.create(amount=900, currency="usd", customer=customer.id).paid
    with pytest.raises(stripe.error.CardError) as wrong:
        stripe.Token.create(card={"number": "4242424242424241", "exp_month": 5, "exp_year": 2035})
    assert wrong.value.code == "incorrect_number"


def test_coupons_and_promotion_codes_take_off():
    customer, _ = paying_customer()
    coupon = stripe.Coupon.create(percent_off=20, duration="forever")
    code = stripe.PromotionCode.create(coupon=coupon.id, code="TWENTY")
    assert code.coupon.percent_off == 20
    sub = stripe.Subscription.create(
        customer=customer.id, items=[{"price": monthly(1000).id}], promotion_code=code.id, expand=["latest_invoice"]
    )
    assert sub.latest_invoice.subtotal == 1000 and sub.latest_invoice.total == 800
    assert stripe.Coupon.retrieve(coupon.id).times_redeemed == 1


def test_invoices_by_hand():
    customer, _ = paying_customer()
    stripe.InvoiceItem.create(customer=customer.id, amount=700, currency="usd", description="hours")
    invoice = stripe.Invoice.create(customer=customer.id, pending_invoice_items_behavior="include", auto_advance=False)
    stripe.InvoiceItem.create(customer=customer.id, invoice=invoice.id, amount=300, currency="usd")
    invoice = stripe.Invoice.finalize_invoice(invoice.id)
    assert (invoice.status, invoice.amount_due, len(invoice.lines.data)) == ("open", 1000, 2)
    invoice = stripe.Invoice.pay(invoice.id)
    assert invoice.status == "paid" and invoice.paid and invoice.amount_remaining == 0
    other = stripe.Invoice.create(customer=customer.id)
    assert stripe.Invoice.delete(other.id).deleted
    with pytest.raises(stripe.error.InvalidRequestError):
        stripe.Invoice.delete(invoice.id)


def test_a_subscription_changes_with_proration_and_ends():
    customer, _ = paying_customer()
    small, large = monthly(1000), monthly(5000)
    sub = stripe.Subscription.create(customer=customer.id, items=[{"price": small.id}])
    assert sub.status == "active" and sub["items"].data[0].price.id == small.id
    item = sub["items"].data[0].id
    sub = stripe.Subscription.modify(sub.id, items=[{"id": item, "price": large.id}])
    assert sub["items"].data[0].price.unit_amount == 5000
    pending = stripe.InvoiceItem.list(customer=customer.id, pending=True)
    assert len(pending.data) == 2 and sum(one.amount for one in pending) > 3900
    if hasattr(stripe.Invoice, "upcoming"):  # not in clients from 2025 on
        assert stripe.Invoice.upcoming(customer=customer.id).total > 8900
    sub = stripe.Subscription.modify(sub.id, cancel_at_period_end=True)
    assert sub.cancel_at == sub.current_period_end
    assert stripe.Subscription.delete(sub.id).status == "canceled"
    assert stripe.Subscription.list(customer=customer.id).data == []
    assert len(stripe.Subscription.list(customer=customer.id, status="all").data) == 1


def test_checkout_sessions_open_and_expire():
    price = stripe.Price.create(product=stripe.Product.create(name="Book").id, unit_amount=1200, currency="eur")
    session = stripe.checkout.Session.create(
        mode="payment", success_url="https://example.com/ok", line_items=[{"price": price.id, "quantity": 2}]
    )
    assert session.amount_total == 2400 and session.status == "open" and session.url
    assert stripe.checkout.Session.list_line_items(session.id).data[0].quantity == 2
    assert stripe.checkout.Session.expire(session.id).status == "expired"


def test_transfers_and_accounts():
    stripe.Charge.create(amount=10_000, currency="usd", source="tok_bypassPending")
    account = stripe.Account.create(type="express", country="US", capabilities={"transfers": {"requested": True}})
    assert account.capabilities.transfers == "inactive"
    transfer = stripe.Transfer.create(amount=3000, currency="usd", destination=account.id)
    reversal = stripe.Transfer.create_reversal(transfer.id, amount=1000)
    assert reversal.amount == 1000 and stripe.Transfer.retrieve(transfer.id).amount_reversed == 1000
    payout = stripe.Payout.create(amount=2000, currency="usd")
    assert stripe.Payout.cancel(payout.id).status == "canceled"


def test_search_finds_what_was_written():
    stripe.Customer.create(email="ada@example.com", metadata={"team": "red"})
    stripe.Customer.create(email="eve@example.com")
    found = stripe.Customer.search(query="metadata['team']:'red'")
    assert [one.email for one in found.auto_paging_iter()] == ["ada@example.com"]


def test_one_life_on_a_test_clock(receiver):
    endpoint = stripe.WebhookEndpoint.create(url=receiver.url, enabled_events=["*"])
    clock = stripe.test_helpers.TestClock.create(frozen_time=1_700_000_000)
    customer, _ = paying_customer(test_clock=clock.id)
    sub = stripe.Subscription.create(customer=customer.id, items=[{"price": monthly(1500).id}], expand=["latest_invoice.payment_intent"])
    assert sub.status == "active" and sub.created == 1_700_000_000
    invoice = sub.latest_invoice
    assert invoice.status == "paid" and invoice.payment_intent.status == "succeeded"

    # A month and an hour later it has renewed.
    stripe.test_helpers.TestClock.advance(clock.id, frozen_time=sub.current_period_end + 7200)
    assert stripe.test_helpers.TestClock.retrieve(clock.id).status == "ready"
    renewed = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert renewed.current_period_start == sub.current_period_end
    assert renewed.latest_invoice.billing_reason == "subscription_cycle" and renewed.latest_invoice.status == "paid"

    refund = stripe.Refund.create(payment_intent=invoice.payment_intent.id, amount=500)
    disputed = stripe.PaymentIntent.create(
        amount=1500, currency="usd", customer=customer.id, confirm=True, payment_method="pm_card_createDispute", payment_method_types=["card"]
    )
    assert stripe.Charge.retrieve(disputed.latest_charge).disputed

    wanted = [
        "customer.created", "customer.subscription.created", "invoice.created", "invoice.finalized", "invoice.paid",
        "customer.subscription.updated", "charge.refunded", "charge.dispute.created",
    ]
    def all_came(came):
        events = [json.loads(body) for _, body in came]
        of_invoice = [event for event in events if event["data"]["object"]["id"] == invoice.id]
        return {event["type"] for event in events} >= set(wanted) and len(of_invoice) >= 4

    came = receiver.wait(all_came)
    events = [stripe.Webhook.construct_event(body, headers["stripe-signature"], endpoint.secret) for headers, body in came]
    log = list(stripe.Event.list(limit=100).auto_paging_iter())[::-1]
    assert {event.id for event in log} >= {event.id for event in events}
    types = [event.type for event in log]
    assert [types.index(one) for one in wanted] == sorted(types.index(one) for one in wanted)
    of_refund = next(event for event in events if event.type == "charge.refunded")
    assert of_refund.data.object.amount_refunded == 500 and of_refund.data.previous_attributes.amount_refunded == 0
    of_invoice = [event.type for event in events if event.data.object.id == invoice.id]
    assert of_invoice[:4] == ["invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]
    assert refund.status == "succeeded"


def test_a_card_that_fails_makes_the_subscription_past_due_and_then_ends_it():
    clock = stripe.test_helpers.TestClock.create(frozen_time=1_700_000_000)
    customer, _ = paying_customer(test_clock=clock.id)
    sub = stripe.Subscription.create(customer=customer.id, items=[{"price": monthly(1500).id}])
    bad = stripe.PaymentMethod.attach("pm_card_chargeCustomerFail", customer=customer.id)
    stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": bad.id})
    stripe.test_helpers.TestClock.advance(clock.id, frozen_time=sub.current_period_end + 7200)
    assert stripe.Subscription.retrieve(sub.id).status == "past_due"
    stripe.test_helpers.TestClock.advance(clock.id, frozen_time=sub.current_period_end + 20 * 86400)
    assert stripe.Subscription.retrieve(sub.id).status == "canceled"
