"""Stripe's own Python client: payments, cards, refunds, disputes, the balance."""

import pytest
import stripe

from stripe_world import click, connect, errors, paid, paying_customer

TWIN = "stripe"


@pytest.fixture(autouse=True)
def client(twin):
    connect(twin)


def test_an_amount_has_limits_and_a_currency():
    with pytest.raises(errors.InvalidRequestError) as small:
        stripe.PaymentIntent.create(amount=10, currency="usd")
    assert small.value.code == "amount_too_small" and small.value.param == "amount"
    with pytest.raises(errors.InvalidRequestError) as lacking:
        stripe.PaymentIntent.create(amount=1000)
    assert lacking.value.code == "parameter_missing" and lacking.value.param == "currency"
    with pytest.raises(errors.InvalidRequestError) as strange:
        stripe.PaymentIntent.create(amount=1000, currency="xxx")
    assert strange.value.param == "currency"
    with pytest.raises(errors.InvalidRequestError) as text:
        stripe.PaymentIntent.create(amount="much", currency="usd")
    assert text.value.code == "parameter_invalid_integer" and text.value.param == "amount"
    with pytest.raises(errors.InvalidRequestError) as nobody:
        stripe.PaymentIntent.create(amount=1000, currency="usd", customer="cus_none")
    assert nobody.value.code == "resource_missing" and nobody.value.param == "customer" and nobody.value.http_status == 400


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent"),
    ],
)
def test_each_card_that_is_declined_says_why(card, code, decline):
    with pytest.raises(errors.CardError) as declined:
        paid(card=card)
    error = declined.value.error
    assert declined.value.http_status == 402 and error.type == "card_error" and error.code == code
    if decline:
        assert error.decline_code == decline
    assert error.doc_url and error.message and error.charge.startswith("ch_")
    intent = stripe.PaymentIntent.retrieve(error.payment_intent.id)
    assert intent.last_payment_error.code == code and intent.latest_charge == error.charge


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"number": "4242424242424241", "exp_month": 5, "exp_year": 2035}, "incorrect_number", "number"),
        ({"number": "4242424242424242", "exp_month": 13, "exp_year": 2035}, "invalid_expiry_month", "exp_month"),
        ({"number": "4242424242424242", "exp_month": 5, "exp_year": 2001}, "invalid_expiry_year", "exp_year"),
        ({"number": "4242424242424242", "exp_month": 5, "exp_year": 2035, "cvc": "99"}, "invalid_cvc", "cvc"),
    ],
)
def test_what_is_typed_wrong_is_told_by_its_field(fields, code, param):
    with pytest.raises(errors.CardError) as wrong:
        stripe.PaymentMethod.create(type="card", card=fields)
    assert (wrong.value.code, wrong.value.param) == (code, param)


def test_a_card_that_was_typed_is_kept_without_its_number():
    method = stripe.PaymentMethod.create(
        type="card",
        card={"number": "5555555555554444", "exp_month": 8, "exp_year": 2036, "cvc": "314"},
        billing_details={"name": "Ada", "address": {"postal_code": "10115", "country": "DE"}},
    )
    card = method.card
    assert (card.brand, card.last4, card.exp_month, card.exp_year, card.funding) == ("mastercard", "4444", 8, 2036, "credit")
    assert method.billing_details.address.postal_code == "10115" and method.customer is None
    customer = stripe.Customer.create()
    attached = stripe.PaymentMethod.attach(method.id, customer=customer.id)
    assert attached.customer == customer.id
    changed = stripe.PaymentMethod.modify(method.id, card={"exp_month": 9}, metadata={"order": "6735"})
    assert changed.card.exp_month == 9 and changed.metadata["order"] == "6735"
    with pytest.raises(errors.InvalidRequestError):
        stripe.PaymentMethod.attach(method.id, customer=stripe.Customer.create().id)
    assert len(stripe.Customer.list_payment_methods(customer.id, type="card").data) == 1
    assert stripe.Customer.retrieve_payment_method(customer.id, method.id).id == method.id


def test_a_payment_waits_for_its_customer_to_authenticate():
    intent = paid(card="pm_card_threeDSecure2Required", return_url="https://example.com/back")
    assert intent.status == "requires_action" and intent.next_action.type == "redirect_to_url"
    back = click(intent.next_action.redirect_to_url.url, outcome="succeed")
    assert back.startswith(f"https://example.com/back?payment_intent={intent.id}&")
    done = stripe.PaymentIntent.retrieve(intent.id, expand=["latest_charge"])
    assert done.status == "succeeded" and done.next_action is None
    assert done.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"

    refused = paid(card="pm_card_threeDSecure2Required", return_url="https://example.com/back")
    assert "redirect_status=failed" in click(refused.next_action.redirect_to_url.url, outcome="fail")
    refused = stripe.PaymentIntent.retrieve(refused.id)
    assert refused.status == "requires_payment_method"
    assert refused.last_payment_error.code == "payment_intent_authentication_failure"
    assert stripe.PaymentIntent.confirm(refused.id, payment_method="pm_card_visa").status == "succeeded"


def test_a_payment_nobody_is_there_to_authenticate_is_declined():
    with pytest.raises(errors.CardError) as declined:
        paid(card="pm_card_authenticationRequired", off_session=True)
    assert declined.value.code == "authentication_required"
    assert declined.value.error.payment_intent.status == "requires_payment_method"


def test_an_authorisation_is_raised_captured_in_part_or_given_back():
    intent = paid(capture_method="manual")
    assert intent.status == "requires_capture" and intent.amount_capturable == 2000 and intent.amount_received == 0
    raised = stripe.PaymentIntent.increment_authorization(intent.id, amount=2500)
    assert raised.amount == 2500 and raised.amount_capturable == 2500
    with pytest.raises(errors.InvalidRequestError) as much:
        stripe.PaymentIntent.capture(intent.id, amount_to_capture=9000)
    assert much.value.param == "amount_to_capture"
    done = stripe.PaymentIntent.capture(intent.id, amount_to_capture=2200)
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 2200, 0)
    charge = stripe.Charge.retrieve(done.latest_charge)
    assert charge.captured and charge.amount_captured == 2200 and charge.amount_refunded == 300
    with pytest.raises(errors.InvalidRequestError) as again:
        stripe.PaymentIntent.capture(intent.id)
    assert again.value.code == "payment_intent_unexpected_state"
    with pytest.raises(errors.InvalidRequestError):
        stripe.PaymentIntent.cancel(intent.id)


def test_a_card_can_be_kept_for_later_by_paying_with_it():
    customer = stripe.Customer.create()
    intent = paid(customer=customer.id, setup_future_usage="off_session")
    assert [one.id for one in stripe.PaymentMethod.list(customer=customer.id, type="card")] == [intent.payment_method]
    later = paid(card=intent.payment_method, customer=customer.id, off_session=True)
    assert later.status == "succeeded"


def test_setup_intents_wait_fail_and_are_canceled():
    customer = stripe.Customer.create()
    waits = stripe.SetupIntent.create(
        customer=customer.id, payment_method="pm_card_authenticationRequiredOnSetup", confirm=True,
        payment_method_types=["card"], return_url="https://example.com/back",
    )
    assert waits.status == "requires_action"
    click(waits.next_action.redirect_to_url.url, outcome="succeed")
    assert stripe.SetupIntent.retrieve(waits.id).status == "succeeded"
    with pytest.raises(errors.CardError):
        stripe.SetupIntent.create(customer=customer.id, payment_method="pm_card_chargeDeclined", confirm=True, payment_method_types=["card"])
    open_one = stripe.SetupIntent.create(customer=customer.id)
    assert open_one.status == "requires_payment_method" and open_one.client_secret
    assert stripe.SetupIntent.cancel(open_one.id, cancellation_reason="abandoned").status == "canceled"
    with pytest.raises(errors.InvalidRequestError) as late:
        stripe.SetupIntent.confirm(open_one.id, payment_method="pm_card_visa")
    assert late.value.code == "setup_intent_unexpected_state"


def test_refunds_are_partial_whole_and_never_more_than_was_paid():
    intent = paid(3000)
    first = stripe.Refund.create(payment_intent=intent.id, amount=1000, reason="requested_by_customer", metadata={"case": "1"})
    assert (first.status, first.amount, first.charge, first.reason) == ("succeeded", 1000, intent.latest_charge, "requested_by_customer")
    with pytest.raises(errors.InvalidRequestError) as much:
        stripe.Refund.create(payment_intent=intent.id, amount=2500)
    assert "greater than unrefunded amount" in str(much.value)
    rest = stripe.Refund.create(charge=intent.latest_charge)
    assert rest.amount == 2000
    charge = stripe.Charge.retrieve(intent.latest_charge, expand=["refunds"])
    assert charge.refunded and charge.amount_refunded == 3000 and [one.id for one in charge.refunds.data] == [rest.id, first.id]
    assert [one.id for one in stripe.Refund.list(payment_intent=intent.id)] == [rest.id, first.id]
    assert stripe.Refund.modify(first.id, metadata={"case": "2"}).metadata["case"] == "2"
    booked = stripe.BalanceTransaction.retrieve(first.balance_transaction)
    assert (booked.amount, booked.type, booked.source) == (-1000, "refund", first.id)
    with pytest.raises(errors.InvalidRequestError):
        stripe.Refund.create(payment_intent=stripe.PaymentIntent.create(amount=500, currency="usd").id)


def test_what_banks_do_later_happens_on_the_clock(twin):
    waits = stripe.Refund.create(payment_intent=paid(2000, card="pm_card_pendingRefund").id)
    fails = stripe.Refund.create(payment_intent=paid(3000, card="pm_card_refundFail").id)
    held = paid(1000, capture_method="manual")
    paid(9000, card="pm_card_bypassPending")
    payout = stripe.Payout.create(amount=500, currency="usd")
    assert (waits.status, fails.status, payout.status) == ("pending", "succeeded", "pending")
    twin.admin("POST", "/admin/time/advance", {"duration": "200h"})
    assert stripe.Refund.retrieve(waits.id).status == "succeeded"
    failed = stripe.Refund.retrieve(fails.id, expand=["charge"])
    assert failed.status == "failed" and failed.failure_reason and failed.charge.amount_refunded == 0
    assert stripe.PaymentIntent.retrieve(held.id).status == "canceled"
    assert stripe.Payout.retrieve(payout.id).status == "paid"
    assert "payout.paid" in [one.type for one in stripe.Event.list(limit=20)]
    again = stripe.Payout.create(amount=500, currency="usd")
    twin.admin("POST", f"/admin/payouts/{again.id}/fail", {"failure_code": "no_account"})
    assert stripe.Payout.retrieve(again.id).failure_code == "no_account"


def test_part_of_what_was_captured_is_refunded():
    held = paid(2500, capture_method="manual")
    stripe.PaymentIntent.capture(held.id, amount_to_capture=2200)
    assert stripe.Refund.create(payment_intent=held.id).amount == 2200
    assert stripe.Charge.retrieve(held.latest_charge).refunded


def test_a_dispute_takes_the_money_and_evidence_brings_it_back():
    intent = paid(5000, card="pm_card_createDispute")
    charge = stripe.Charge.retrieve(intent.latest_charge, expand=["dispute"])
    assert charge.disputed and charge.dispute.reason == "fraudulent" and charge.dispute.status == "needs_response"
    taken = stripe.BalanceTransaction.list(source=charge.dispute.id).data[0]
    assert (taken.amount, taken.fee, taken.net) == (-5000, 1500, -6500)
    with pytest.raises(errors.InvalidRequestError) as refund:
        stripe.Refund.create(charge=charge.id)
    assert refund.value.code == "charge_disputed"
    kept = stripe.Dispute.modify(charge.dispute.id, evidence={"customer_name": "Ada"}, submit=False)
    assert kept.status == "needs_response" and kept.evidence.customer_name == "Ada" and kept.evidence_details.has_evidence
    won = stripe.Dispute.modify(charge.dispute.id, evidence={"uncategorized_text": "winning_evidence"})
    assert won.status == "won" and len(won.balance_transactions) == 2
    lost = stripe.Dispute.list(payment_intent=paid(700, card="pm_card_createDispute").id).data[0]
    assert stripe.Dispute.close(lost.id).status == "lost"
    with pytest.raises(errors.InvalidRequestError):
        stripe.Dispute.close(lost.id)


def test_the_balance_is_the_sum_of_its_transactions(twin):
    paid(10_000)
    paid(5_000, card="pm_card_bypassPending")
    balance = stripe.Balance.retrieve()
    assert balance.object == "balance" and balance.livemode is False
    pending = stripe.BalanceTransaction.list(type="charge")
    nets = sorted(one.net for one in pending.auto_paging_iter())
    assert (balance.available[0].amount, balance.pending[0].amount) == (nets[0], nets[1])
    twin.admin("POST", "/admin/time/advance", {"duration": "200h"})
    later = stripe.Balance.retrieve()
    assert (later.available[0].amount, later.pending[0].amount) == (sum(nets), 0)
    assert {one.status for one in stripe.BalanceTransaction.list()} == {"available"}


def test_payouts_leave_the_balance_and_come_back():
    paid(10_000, card="pm_card_bypassPending")
    with pytest.raises(errors.InvalidRequestError) as much:
        stripe.Payout.create(amount=1_000_000, currency="usd")
    assert much.value.code == "balance_insufficient"
    before = stripe.Balance.retrieve().available[0].amount
    payout = stripe.Payout.create(amount=5_000, currency="usd", metadata={"run": "1"})
    assert payout.status == "pending" and stripe.Balance.retrieve().available[0].amount == before - 5_000
    assert stripe.Payout.cancel(payout.id).status == "canceled"
    assert stripe.Balance.retrieve().available[0].amount == before
    with pytest.raises(errors.InvalidRequestError):
        stripe.Payout.cancel(payout.id)


def test_charges_of_the_old_kind_are_captured_later_and_listed_by_customer():
    customer = stripe.Customer.create(source="tok_visa")
    held = stripe.Charge.create(amount=1500, currency="usd", customer=customer.id, capture=False, description="later")
    assert held.captured is False and held.paid and held.payment_method_details.card.brand == "visa"
    assert stripe.Charge.capture(held.id, amount=1200).amount_captured == 1200
    stripe.Charge.create(amount=900, currency="eur", source="tok_mastercard")
    assert [one.id for one in stripe.Charge.list(customer=customer.id)] == [held.id]
    with pytest.raises(errors.CardError) as declined:
        stripe.Charge.create(amount=900, currency="usd", source="tok_chargeDeclined")
    assert declined.value.code == "card_declined" and declined.value.error.charge
    found = stripe.Charge.search(query="amount>1000 AND currency:'usd'")
    assert [one.id for one in found] == [held.id]
    changed = stripe.Charge.modify(held.id, description="now", metadata={"a": "b"})
    assert changed.description == "now" and changed.metadata["a"] == "b"


def test_what_is_paid_leaves_charges_intents_and_events_that_agree():
    customer, _ = paying_customer()
    intent = paid(4200, customer=customer.id, card=stripe.Customer.retrieve(customer.id).invoice_settings.default_payment_method,
                  description="an order", metadata={"order": "17"}, receipt_email="ada@example.com", statement_descriptor_suffix="SHOP")
    charge = stripe.Charge.retrieve(intent.latest_charge)
    assert charge.payment_intent == intent.id and charge.customer == customer.id and charge.description == "an order"
    assert charge.metadata["order"] == "17" and charge.outcome.type == "authorized" and charge.receipt_email == "ada@example.com"
    types = [event.type for event in stripe.Event.list(limit=3)]
    assert set(types) == {"payment_intent.succeeded", "charge.succeeded", "payment_intent.created"}
    assert [one.id for one in stripe.PaymentIntent.list(customer=customer.id)] == [intent.id]
    found = stripe.PaymentIntent.search(query="status:'succeeded' AND metadata['order']:'17'")
    assert [one.id for one in found] == [intent.id]


def test_cards_are_typed_into_payments_directly():
    def pay(number):
        card = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        return stripe.PaymentIntent.create(
            amount=2000, currency="usd", confirm=True, payment_method_types=["card"], payment_method_data={"type": "card", "card": card}
        )

    assert pay("4242424242424242").status == "succeeded"
    for number, code in [("4000000000000002", "card_declined"), ("4000000000000069", "expired_card"), ("4242424242424241", "incorrect_number")]:
        with pytest.raises(errors.CardError) as error:
            pay(number)
        assert error.value.code == code


def test_debits_arrive_later_and_banks_have_pages_of_their_own(twin):
    method = stripe.PaymentMethod.create(
        type="sepa_debit", sepa_debit={"iban": "AT321904300235473204"}, billing_details={"name": "Ada", "email": "ada@example.com"}
    )
    assert (method.sepa_debit.last4, method.sepa_debit.country) == ("3204", "AT")
    debit = stripe.PaymentIntent.create(amount=1000, currency="eur", confirm=True, payment_method=method.id, payment_method_types=["sepa_debit"])
    assert debit.status == "processing"
    twin.admin("POST", "/admin/time/advance", {"duration": "180s"})
    assert stripe.PaymentIntent.retrieve(debit.id).status == "succeeded"
    types = {one.type for one in stripe.Event.list(limit=20).data}
    assert {"payment_intent.processing", "payment_intent.succeeded"} <= types
    page = stripe.PaymentIntent.create(
        amount=1000, currency="eur", confirm=True, payment_method_types=["ideal"], payment_method_data={"type": "ideal"}, return_url="https://e.com/back"
    )
    assert (page.status, page.next_action.type) == ("requires_action", "redirect_to_url")


def test_a_method_that_was_detached_is_not_used_again():
    customer, method = paying_customer()
    assert stripe.PaymentMethod.detach(method.id).customer is None
    with pytest.raises(errors.InvalidRequestError, match="may not be used again"):
        stripe.PaymentMethod.attach(method.id, customer=customer.id)
