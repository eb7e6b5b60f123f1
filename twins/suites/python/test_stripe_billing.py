"""Stripe's own Python client: products, prices, discounts, subscriptions, invoices, checkout."""

import json
import urllib.parse
import urllib.request

import pytest
import stripe

from stripe_world import BEGIN, DAY, advance, click, connect, errors, monthly, paying_customer

TWIN = "stripe"


@pytest.fixture(autouse=True)
def client(twin):
    connect(twin)


def subscribe(customer, price, **fields):
    return stripe.Subscription.create(customer=customer.id, items=[{"price": price.id}], **fields)


def test_products_and_prices_are_kept_changed_and_found():
    product = stripe.Product.create(name="Gold", description="all of it", metadata={"tier": "1"}, default_price_data={"currency": "usd", "unit_amount": 900})
    assert product.active and stripe.Price.retrieve(product.default_price).unit_amount == 900
    assert stripe.Product.modify(product.id, active=False, name="Old gold").active is False
    price = stripe.Price.create(product=product.id, unit_amount=1200, currency="eur", lookup_key="gold_eur", nickname="euro")
    assert (price.type, price.billing_scheme, str(price.unit_amount_decimal)) == ("one_time", "per_unit", "1200")
    assert [one.id for one in stripe.Price.list(lookup_keys=["gold_eur"])] == [price.id]
    assert [one.id for one in stripe.Price.list(product=product.id, currency="eur")] == [price.id]
    assert stripe.Price.modify(price.id, active=False, metadata={"a": "b"}).active is False
    assert [one.name for one in stripe.Product.list(active=False)] == ["Old gold"]
    assert [one.id for one in stripe.Product.search(query="name~'gold' AND active:'false'")] == [product.id]
    own = stripe.Product.create(id="prod_own", name="Own")
    assert own.id == "prod_own" and stripe.Product.delete("prod_own").deleted
    with pytest.raises(errors.InvalidRequestError):
        stripe.Product.delete(product.id)
    with pytest.raises(errors.InvalidRequestError) as missing:
        stripe.Price.create(product="prod_none", unit_amount=1, currency="usd")
    assert missing.value.code == "resource_missing" and missing.value.param == "product"


def test_tiers_are_kept_and_billed():
    product = stripe.Product.create(name="Seats")
    tiers = [{"up_to": 5, "unit_amount": 700}, {"up_to": "inf", "unit_amount": 500}]
    graduated = stripe.Price.create(product=product.id, currency="usd", recurring={"interval": "month"}, billing_scheme="tiered",
                                    tiers_mode="graduated", tiers=tiers, expand=["tiers"])
    assert [(one.up_to, one.unit_amount) for one in graduated.tiers] == [(5, 700), (None, 500)] and graduated.unit_amount is None
    volume = stripe.Price.create(product=product.id, currency="usd", recurring={"interval": "month"}, billing_scheme="tiered",
                                 tiers_mode="volume", tiers=tiers)
    customer, _ = paying_customer()
    for price, total in [(graduated, 5 * 700 + 3 * 500), (volume, 8 * 500)]:
        sub = stripe.Subscription.create(customer=customer.id, items=[{"price": price.id, "quantity": 8}], expand=["latest_invoice"])
        assert sub.latest_invoice.total == total and sub.latest_invoice.status == "paid"


@pytest.mark.skipif(not hasattr(stripe.SubscriptionItem, "create_usage_record"), reason="not in clients from 2025 on")
def test_metered_use_is_billed_when_the_period_ends():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    price = monthly(20, recurring={"usage_type": "metered", "aggregate_usage": "sum"})
    sub = subscribe(customer, price, expand=["latest_invoice"])
    assert sub.latest_invoice.total == 0 and sub.status == "active"
    item = sub["items"].data[0].id
    stripe.SubscriptionItem.create_usage_record(item, quantity=100, timestamp=BEGIN + DAY, action="increment")
    record = stripe.SubscriptionItem.create_usage_record(item, quantity=50, timestamp=BEGIN + 2 * DAY)
    assert record.object == "usage_record" and record.quantity == 50
    summary = stripe.SubscriptionItem.list_usage_record_summaries(item).data[0]
    assert summary.total_usage == 150
    advance(clock, sub.current_period_end + 7200)
    renewed = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert renewed.latest_invoice.total == 150 * 20 and renewed.latest_invoice.status == "paid"


def test_coupons_take_off_as_often_as_they_say():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    twice = stripe.Coupon.create(amount_off=500, currency="usd", duration="repeating", duration_in_months=2, name="Two months")
    sub = subscribe(customer, monthly(2000), coupon=twice.id)
    assert sub.discount.coupon.id == twice.id
    for _ in range(3):
        advance(clock, stripe.Subscription.retrieve(sub.id).current_period_end + 7200)
    totals = [one.total for one in stripe.Invoice.list(subscription=sub.id)][::-1]
    assert totals == [1500, 1500, 2000, 2000]
    single = stripe.Coupon.create(percent_off=50, duration="once", max_redemptions=1)
    other, _ = paying_customer()
    subscribe(other, monthly(1000), coupon=single.id)
    with pytest.raises(errors.InvalidRequestError):
        subscribe(other, monthly(1000), coupon=single.id)
    assert stripe.Coupon.retrieve(single.id).valid is False
    with pytest.raises(errors.InvalidRequestError):
        stripe.Coupon.create(percent_off=150, duration="once")
    assert stripe.Coupon.delete(twice.id).deleted


def test_promotion_codes_are_found_by_code_and_switched_off():
    coupon = stripe.Coupon.create(percent_off=25, duration="forever")
    code = stripe.PromotionCode.create(coupon=coupon.id, code="FALL25", max_redemptions=2)
    assert [one.id for one in stripe.PromotionCode.list(code="FALL25", active=True)] == [code.id]
    customer, _ = paying_customer()
    sub = subscribe(customer, monthly(1000), promotion_code=code.id, expand=["latest_invoice"])
    assert sub.latest_invoice.total == 750 and sub.discount.promotion_code == code.id
    assert stripe.PromotionCode.retrieve(code.id).times_redeemed == 1
    assert stripe.PromotionCode.modify(code.id, active=False).active is False
    with pytest.raises(errors.InvalidRequestError):
        subscribe(customer, monthly(1000), promotion_code=code.id)


def test_a_trial_costs_nothing_until_it_ends():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    sub = subscribe(customer, monthly(2000), trial_period_days=14, expand=["latest_invoice"])
    assert sub.status == "trialing" and sub.trial_end == BEGIN + 14 * DAY and sub.latest_invoice.total == 0
    advance(clock, BEGIN + 12 * DAY)
    assert "customer.subscription.trial_will_end" in [one.type for one in stripe.Event.list(limit=100)]
    advance(clock, BEGIN + 14 * DAY + 7200)
    sub = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert sub.status == "active" and sub.latest_invoice.total == 2000 and sub.latest_invoice.billing_reason == "subscription_cycle"


def test_a_trial_without_a_card_is_paused_or_canceled():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer = stripe.Customer.create(test_clock=clock.id)
    paused = subscribe(customer, monthly(), trial_period_days=7, trial_settings={"end_behavior": {"missing_payment_method": "pause"}})
    ended = subscribe(customer, monthly(), trial_period_days=7, trial_settings={"end_behavior": {"missing_payment_method": "cancel"}})
    advance(clock, BEGIN + 8 * DAY)
    assert stripe.Subscription.retrieve(paused.id).status == "paused"
    assert stripe.Subscription.retrieve(ended.id).status == "canceled"
    method = stripe.PaymentMethod.attach("pm_card_visa", customer=customer.id)
    stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": method.id})
    assert stripe.Subscription.resume(paused.id).status == "active"


def test_a_first_payment_that_has_to_be_made_leaves_it_incomplete():
    customer = stripe.Customer.create()
    with pytest.raises(errors.InvalidRequestError) as nothing:
        subscribe(customer, monthly())
    assert "no attached payment source" in str(nothing.value)
    sub = subscribe(customer, monthly(1500), payment_behavior="default_incomplete", expand=["latest_invoice.payment_intent"],
                    payment_settings={"save_default_payment_method": "on_subscription"})
    intent = sub.latest_invoice.payment_intent
    assert sub.status == "incomplete" and intent.status == "requires_payment_method" and intent.client_secret
    assert stripe.PaymentIntent.confirm(intent.id, payment_method="pm_card_visa").status == "succeeded"
    sub = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert sub.status == "active" and sub.latest_invoice.status == "paid" and sub.default_payment_method


def test_a_customer_is_made_with_all_it_takes_to_subscribe():
    customer = stripe.Customer.create(payment_method="pm_card_visa", invoice_settings={"default_payment_method": "pm_card_visa"})
    fee = stripe.Price.create(product=stripe.Product.create(name="Setup").id, unit_amount=5000, currency="usd")
    data = {"currency": "usd", "unit_amount": 800, "recurring": {"interval": "week"}, "product": stripe.Product.create(name="Box").id}
    sub = stripe.Subscription.create(customer=customer.id, items=[{"price_data": data, "quantity": 2}], add_invoice_items=[{"price": fee.id}],
                                     expand=["latest_invoice", "default_payment_method"])
    assert sub.status == "active" and sub.latest_invoice.total == 6600 and len(sub.latest_invoice.lines.data) == 2
    assert sub.current_period_end - sub.current_period_start == 7 * DAY


def test_what_is_never_paid_expires_after_a_day():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer = stripe.Customer.create(test_clock=clock.id)
    sub = subscribe(customer, monthly(), payment_behavior="default_incomplete")
    advance(clock, BEGIN + DAY)
    assert stripe.Subscription.retrieve(sub.id).status == "incomplete_expired"
    assert stripe.Invoice.retrieve(sub.latest_invoice).status == "void"


def test_a_declined_first_payment_is_incomplete_or_an_error():
    customer, _ = paying_customer(card="pm_card_chargeCustomerFail")
    sub = subscribe(customer, monthly(), expand=["latest_invoice.payment_intent"])
    assert sub.status == "incomplete" and sub.latest_invoice.payment_intent.status == "requires_payment_method"
    with pytest.raises(errors.CardError) as declined:
        subscribe(customer, monthly(), payment_behavior="error_if_incomplete")
    assert declined.value.code == "card_declined"


def test_dunning_ends_in_cancellation_and_a_better_card_ends_dunning():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, good = paying_customer(test_clock=clock.id)
    sub = subscribe(customer, monthly(1500))
    bad = stripe.PaymentMethod.attach("pm_card_chargeCustomerFail", customer=customer.id)
    stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": bad.id})
    advance(clock, sub.current_period_end + 7200)
    behind = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert behind.status == "past_due" and behind.latest_invoice.status == "open" and behind.latest_invoice.attempt_count == 1
    assert behind.latest_invoice.next_payment_attempt > sub.current_period_end
    stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": good.id})
    advance(clock, behind.latest_invoice.next_payment_attempt + 60)
    again = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert again.status == "active" and again.latest_invoice.status == "paid" and again.latest_invoice.attempt_count == 2
    failed = [one.data.object.attempt_count for one in stripe.Event.list(type="invoice.payment_failed")]
    assert failed == [1]


def test_plans_change_with_money_back_for_what_was_not_used():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    sub = subscribe(customer, monthly(3000))
    half = (sub.current_period_start + sub.current_period_end) // 2
    advance(clock, half)
    item = sub["items"].data[0].id
    sub = stripe.Subscription.modify(sub.id, items=[{"id": item, "price": monthly(6000).id}], proration_behavior="always_invoice",
                                     expand=["latest_invoice"])
    assert sub.latest_invoice.billing_reason == "subscription_update" and abs(sub.latest_invoice.total - 1500) <= 2
    assert sorted(one.amount > 0 for one in sub.latest_invoice.lines.data) == [False, True]
    assert all(one.proration for one in sub.latest_invoice.lines.data)
    sub = stripe.Subscription.modify(sub.id, items=[{"id": item, "quantity": 2}], proration_behavior="none")
    assert sub["items"].data[0].quantity == 2 and not stripe.InvoiceItem.list(customer=customer.id, pending=True).data
    more = stripe.SubscriptionItem.create(subscription=sub.id, price=monthly(100).id, quantity=3)
    assert len(stripe.SubscriptionItem.list(subscription=sub.id).data) == 2
    assert stripe.SubscriptionItem.modify(more.id, quantity=4).quantity == 4
    assert stripe.SubscriptionItem.delete(more.id).deleted


def test_subscriptions_pause_and_end_with_their_period():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    sub = subscribe(customer, monthly(1000), metadata={"seat": "a"})
    paused = stripe.Subscription.modify(sub.id, pause_collection={"behavior": "void"})
    assert paused.pause_collection.behavior == "void" and paused.status == "active"
    advance(clock, sub.current_period_end + 7200)
    assert [one.status for one in stripe.Invoice.list(subscription=sub.id)] == ["void", "paid"]
    assert stripe.Subscription.modify(sub.id, pause_collection="").pause_collection is None
    ending = stripe.Subscription.modify(sub.id, cancel_at_period_end=True)
    assert ending.cancel_at == ending.current_period_end and ending.canceled_at
    assert stripe.Subscription.modify(sub.id, cancel_at_period_end=False).cancel_at is None
    ending = stripe.Subscription.modify(sub.id, cancel_at_period_end=True)
    advance(clock, ending.current_period_end + 7200)
    ended = stripe.Subscription.retrieve(sub.id)
    assert ended.status == "canceled" and ended.ended_at == ending.current_period_end
    assert "customer.subscription.deleted" in [one.type for one in stripe.Event.list(limit=5)]
    with pytest.raises(errors.InvalidRequestError):
        stripe.Subscription.cancel(sub.id)


def test_subscriptions_renew_on_the_twins_own_clock(twin):
    customer, _ = paying_customer()
    sub = subscribe(customer, monthly(700))
    trial = subscribe(customer, monthly(900), trial_period_days=10)
    twin.admin("POST", "/admin/time/advance", {"duration": "1560h"})
    assert [one.amount_paid for one in stripe.Invoice.list(subscription=sub.id)] == [700, 700, 700]
    assert stripe.Subscription.retrieve(trial.id).status == "active"
    assert [one.total for one in stripe.Invoice.list(subscription=trial.id)] == [900, 900, 0]


def test_invoices_go_through_their_states():
    customer, _ = paying_customer()
    draft = stripe.Invoice.create(customer=customer.id, collection_method="send_invoice", days_until_due=30, description="work")
    assert draft.status == "draft" and draft.due_date > draft.created and draft.number is None
    stripe.InvoiceItem.create(customer=customer.id, invoice=draft.id, quantity=3, unit_amount=250, currency="usd", description="hours")
    stripe.InvoiceItem.create(customer=customer.id, invoice=draft.id, amount=-50, currency="usd", description="rebate")
    sent = stripe.Invoice.send_invoice(draft.id)
    assert (sent.status, sent.total, sent.amount_due, sent.amount_remaining) == ("open", 700, 700, 700)
    assert sent.number and sent.hosted_invoice_url and sent.invoice_pdf and sent.status_transitions.finalized_at
    with pytest.raises(errors.InvalidRequestError):
        stripe.Invoice.modify(sent.id, description="other")
    bad = stripe.Invoice.mark_uncollectible(sent.id)
    assert bad.status == "uncollectible" and stripe.Invoice.pay(bad.id, paid_out_of_band=True).status == "paid"
    other = stripe.Invoice.create(customer=customer.id)
    stripe.InvoiceItem.create(customer=customer.id, invoice=other.id, amount=900, currency="usd")
    other = stripe.Invoice.finalize_invoice(other.id)
    void = stripe.Invoice.void_invoice(other.id)
    assert void.status == "void" and void.status_transitions.voided_at
    assert stripe.PaymentIntent.retrieve(other.payment_intent).status == "canceled"
    with pytest.raises(errors.InvalidRequestError):
        stripe.Invoice.pay(void.id)
    empty = stripe.Invoice.finalize_invoice(stripe.Invoice.create(customer=customer.id).id)
    assert (empty.status, empty.total) == ("paid", 0)
    assert [one.id for one in stripe.Invoice.list(customer=customer.id, status="void")] == [void.id]
    assert [one.id for one in stripe.Invoice.search(query=f"customer:'{customer.id}' AND status:'void'")] == [void.id]
    assert {one.status for one in stripe.Invoice.list(customer=customer.id)} == {"void", "paid"}


def test_a_customers_credit_pays_first():
    customer, _ = paying_customer()
    stripe.Customer.create_balance_transaction(customer.id, amount=-400, currency="usd", description="goodwill")
    assert stripe.Customer.retrieve(customer.id).balance == -400
    stripe.InvoiceItem.create(customer=customer.id, amount=1000, currency="usd")
    invoice = stripe.Invoice.create(customer=customer.id, pending_invoice_items_behavior="include")
    invoice = stripe.Invoice.pay(stripe.Invoice.finalize_invoice(invoice.id).id)
    assert (invoice.total, invoice.starting_balance, invoice.amount_paid, invoice.ending_balance) == (1000, -400, 600, 0)
    assert stripe.Customer.retrieve(customer.id).balance == 0
    kinds = [one.type for one in stripe.Customer.list_balance_transactions(customer.id)]
    assert kinds == ["applied_to_invoice", "adjustment"]


def test_tax_rates_add_to_invoices():
    customer, _ = paying_customer()
    rate = stripe.TaxRate.create(display_name="VAT", percentage=19, inclusive=False, country="DE")
    sub = subscribe(customer, monthly(1000), default_tax_rates=[rate.id], expand=["latest_invoice"])
    invoice = sub.latest_invoice
    assert (invoice.subtotal, invoice.tax, invoice.total) == (1000, 190, 1190)
    assert invoice.total_tax_amounts[0].tax_rate == rate.id


def test_credit_notes_take_back_what_was_billed():
    customer, _ = paying_customer()
    stripe.InvoiceItem.create(customer=customer.id, amount=1000, currency="usd")
    invoice = stripe.Invoice.pay(stripe.Invoice.create(customer=customer.id, pending_invoice_items_behavior="include").id)
    note = stripe.CreditNote.create(invoice=invoice.id, amount=300, refund_amount=300, reason="order_change")
    assert (note.status, note.amount, note.type) == ("issued", 300, "post_payment") and note.refund
    assert stripe.Refund.retrieve(note.refund).amount == 300
    assert stripe.Invoice.retrieve(invoice.id).post_payment_credit_notes_amount == 300
    assert [one.id for one in stripe.CreditNote.list(invoice=invoice.id)] == [note.id]


def test_checkout_is_completed_where_its_customer_pays():
    price = stripe.Price.create(product=stripe.Product.create(name="Book").id, unit_amount=1200, currency="eur")
    session = stripe.checkout.Session.create(
        mode="payment", success_url="https://example.com/ok?session_id={CHECKOUT_SESSION_ID}", cancel_url="https://example.com/no",
        line_items=[{"price": price.id, "quantity": 2}], client_reference_id="order-1", metadata={"order": "1"},
    )
    assert (session.amount_total, session.status, session.payment_status, session.currency) == (2400, "open", "unpaid", "eur")
    assert session.url and session.client_reference_id == "order-1" and session.metadata["order"] == "1"
    items = stripe.checkout.Session.list_line_items(session.id)
    assert (items.data[0].quantity, items.data[0].description, items.data[0].amount_total) == (2, "Book", 2400)
    data = stripe.checkout.Session.create(
        mode="payment", success_url="https://example.com/ok",
        line_items=[{"price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Pen"}}, "quantity": 1}],
    )
    assert data.amount_total == 500
    expanded = stripe.checkout.Session.retrieve(session.id, expand=["line_items"])
    assert expanded.line_items.data[0].price.id == price.id
    assert "insufficient funds" in click(session.url, payment_method="pm_card_visa_chargeDeclinedInsufficientFunds")
    assert click(session.url, email="ada@example.com") == f"https://example.com/ok?session_id={session.id}"
    done = stripe.checkout.Session.retrieve(session.id, expand=["payment_intent"])
    assert (done.status, done.payment_status, done.url, done.customer_details.email) == ("complete", "paid", None, "ada@example.com")
    assert (done.payment_intent.status, done.payment_intent.amount) == ("succeeded", 2400)
    assert stripe.Event.list(type="checkout.session.completed").data[0].data.object.id == session.id
    expired = stripe.checkout.Session.expire(data.id)
    assert expired.status == "expired" and expired.url is None
    with pytest.raises(errors.InvalidRequestError):
        stripe.checkout.Session.expire(data.id)
    with pytest.raises(errors.InvalidRequestError) as nothing:
        stripe.checkout.Session.create(mode="payment", success_url="https://example.com/ok")
    assert nothing.value.param == "line_items"


def test_checkout_begins_subscriptions_and_saves_cards():
    session = stripe.checkout.Session.create(
        mode="subscription", success_url="https://example.com/ok", line_items=[{"price": monthly(900).id, "quantity": 1}],
        customer_email="eve@example.com", subscription_data={"trial_period_days": 7, "metadata": {"from": "checkout"}},
    )
    click(session.url)
    done = stripe.checkout.Session.retrieve(session.id, expand=["subscription", "customer"])
    assert done.subscription.status == "trialing" and done.subscription.metadata["from"] == "checkout"
    assert done.customer.email == "eve@example.com" and done.payment_status == "no_payment_required"
    saved = stripe.checkout.Session.create(mode="setup", customer=done.customer.id, payment_method_types=["card"], success_url="https://example.com/ok")
    click(saved.url, payment_method="pm_card_mastercard")
    setup = stripe.SetupIntent.retrieve(stripe.checkout.Session.retrieve(saved.id).setup_intent, expand=["payment_method"])
    assert setup.status == "succeeded" and setup.payment_method.card.brand == "mastercard" and setup.payment_method.customer == done.customer.id


def test_schedules_change_plans_by_themselves():
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    small, large = monthly(1000), monthly(3000)
    schedule = stripe.SubscriptionSchedule.create(
        customer=customer.id, start_date="now", end_behavior="release",
        phases=[{"items": [{"price": small.id}], "iterations": 1}, {"items": [{"price": large.id}], "iterations": 1}],
    )
    assert schedule.status == "active" and schedule.subscription and len(schedule.phases) == 2
    sub = stripe.Subscription.retrieve(schedule.subscription)
    assert sub.status == "active" and sub["items"].data[0].price.id == small.id and sub.schedule == schedule.id
    advance(clock, sub.current_period_end + 7200)
    sub = stripe.Subscription.retrieve(sub.id, expand=["latest_invoice"])
    assert sub["items"].data[0].price.id == large.id and sub.latest_invoice.total == 3000
    assert stripe.SubscriptionSchedule.release(schedule.id).status == "released"
    assert stripe.Subscription.retrieve(sub.id).schedule is None


def raw(twin, path, **query):
    """A GET that clients of today have no method for any more, as those of this version made it."""
    request = urllib.request.Request(f"{twin.url}{path}?{urllib.parse.urlencode(query)}", headers={"authorization": "Bearer sk_test_123"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def an_item(customer, invoice, amount=1000, **fields):
    return stripe.InvoiceItem.create(customer=customer.id, invoice=invoice.id, amount=amount, currency="usd", **fields)


def test_the_next_invoice_can_be_seen_as_it_would_be_after_a_change(twin):
    clock = stripe.test_helpers.TestClock.create(frozen_time=BEGIN)
    customer, _ = paying_customer(test_clock=clock.id)
    small, large = monthly(1000), monthly(3000)
    sub = subscribe(customer, small)
    item = sub["items"]["data"][0].id
    assert raw(twin, "/v1/invoices/upcoming", customer=customer.id)["total"] == 1000
    advance(clock, BEGIN + 15 * DAY)
    change = {"subscription": sub.id, "subscription_items[0][id]": item, "subscription_items[0][price]": large.id}
    seen = raw(twin, "/v1/invoices/upcoming", **change)
    assert [(one["amount"], one["proration"]) for one in seen["lines"]["data"]] == [(-500, True), (1500, True), (3000, False)]
    assert "id" not in seen and seen["total"] == 4000
    at_once = raw(twin, "/v1/invoices/upcoming", **change, subscription_proration_behavior="always_invoice")
    assert at_once["total"] == 1000
    half = stripe.Coupon.create(percent_off=50, duration="once")
    assert raw(twin, "/v1/invoices/upcoming", **change, coupon=half.id)["total"] == 2000
    page = raw(twin, "/v1/invoices/upcoming/lines", **change, limit=2)
    assert len(page["data"]) == 2 and page["has_more"]
    # Nothing of that has happened.
    assert stripe.Subscription.retrieve(sub.id)["items"]["data"][0].price.id == small.id
    assert stripe.InvoiceItem.list(customer=customer.id).data == [] and stripe.Coupon.retrieve(half.id).times_redeemed == 0


def test_discounts_and_taxes_are_of_lines_or_of_the_whole():
    customer, _ = paying_customer()
    half = stripe.Coupon.create(percent_off=50, duration="forever")
    added = stripe.TaxRate.create(display_name="VAT", percentage=20, inclusive=False)
    within = stripe.TaxRate.create(display_name="VAT", percentage=20, inclusive=True)
    whole = stripe.Invoice.create(customer=customer.id, discounts=[{"coupon": half.id}])
    an_item(customer, whole, discountable=False)
    an_item(customer, whole, tax_rates=[added.id])
    seen = stripe.Invoice.retrieve(whole.id)
    assert (seen.subtotal, seen.total_discount_amounts[0].amount, seen.tax, seen.total) == (2000, 500, 100, 1600)
    own = stripe.Invoice.create(customer=customer.id)
    an_item(customer, own, discounts=[{"coupon": half.id}])
    an_item(customer, own, amount=1200, tax_rates=[within.id])
    seen = stripe.Invoice.retrieve(own.id)
    assert (seen.subtotal, seen.total, seen.tax, seen.total_excluding_tax) == (2200, 1700, 200, 1500)
    assert stripe.Invoice.modify(own.id, discounts=[{"coupon": half.id}]).total == 850


def test_coupons_are_for_some_products_only():
    customer, _ = paying_customer()
    one, other = monthly(1000), monthly(2000)
    half = stripe.Coupon.create(percent_off=50, duration="once", applies_to={"products": [one.product]})
    sub = stripe.Subscription.create(customer=customer.id, items=[{"price": one.id}, {"price": other.id}], coupon=half.id, expand=["latest_invoice"])
    assert sub.latest_invoice.total == 2500
    with pytest.raises(errors.InvalidRequestError):
        stripe.Coupon.create(percent_off=10, amount_off=100, currency="usd", duration="once")


def test_what_is_free_needs_nothing_to_pay_with():
    free = stripe.Coupon.create(percent_off=100, duration="forever")
    sub = stripe.Subscription.create(
        customer=stripe.Customer.create().id, items=[{"price": monthly().id}], coupon=free.id, expand=["latest_invoice"]
    )
    assert (sub.status, sub.latest_invoice.total, sub.latest_invoice.status) == ("active", 0, "paid")


def test_promotion_codes_are_limited_in_number_order_and_customer():
    customer, _ = paying_customer()
    price, coupon = monthly(1000), stripe.Coupon.create(percent_off=25, duration="once")

    def code(**fields):
        return stripe.PromotionCode.create(coupon=coupon.id, **fields)

    def refuses(promotion, who=customer):
        with pytest.raises(errors.InvalidRequestError) as error:
            stripe.Subscription.create(customer=who.id, items=[{"price": price.id}], promotion_code=promotion.id)
        return error.value.user_message

    once = code(code="SAVE25", max_redemptions=1)
    with pytest.raises(errors.InvalidRequestError, match="already exists"):
        code(code="save25")
    dear = code(restrictions={"minimum_amount": 5000, "minimum_amount_currency": "usd"})
    assert "at least $50.00" in refuses(dear)
    mine = code(customer=customer.id)
    assert "another customer" in refuses(mine, stripe.Customer.create())
    sub = stripe.Subscription.create(customer=customer.id, items=[{"price": price.id}], promotion_code=once.id, expand=["latest_invoice"])
    assert sub.latest_invoice.total == 750
    used = stripe.PromotionCode.retrieve(once.id)
    assert (used.times_redeemed, used.active) == (1, False) and "not active" in refuses(once)
    assert "prior transactions" in refuses(code(restrictions={"first_time_transaction": True}))


def test_a_trial_with_nothing_to_pay_with_waits_for_a_setup_intent():
    customer = stripe.Customer.create()
    sub = stripe.Subscription.create(
        customer=customer.id, items=[{"price": monthly().id}], trial_period_days=7,
        payment_settings={"save_default_payment_method": "on_subscription"}, expand=["pending_setup_intent"],
    )
    assert (sub.status, sub.pending_setup_intent.status) == ("trialing", "requires_payment_method")
    ready = stripe.SetupIntent.confirm(sub.pending_setup_intent.id, payment_method="pm_card_visa")
    sub = stripe.Subscription.retrieve(sub.id)
    assert (sub.pending_setup_intent, sub.default_payment_method) == (None, ready.payment_method)


def test_credit_notes_are_previewed_without_being_made(twin):
    customer, _ = paying_customer()
    invoice = stripe.Invoice.create(customer=customer.id)
    an_item(customer, invoice)
    stripe.Invoice.finalize_invoice(invoice.id)
    seen = raw(twin, "/v1/credit_notes/preview", invoice=invoice.id, amount=100)
    assert (seen["object"], seen["amount"], seen["invoice"]) == ("credit_note", 100, invoice.id)
    assert stripe.CreditNote.list(invoice=invoice.id).data == []


def test_quotes_are_finalized_and_accepted():
    customer, _ = paying_customer()
    quote = stripe.Quote.create(customer=customer.id, line_items=[{"price": monthly(1500).id, "quantity": 2}])
    assert (quote.status, quote.amount_total, quote.computed.recurring.amount_total, quote.number) == ("draft", 3000, 3000, None)
    with pytest.raises(errors.InvalidRequestError):
        stripe.Quote.accept(quote.id)
    quote = stripe.Quote.finalize_quote(quote.id)
    assert quote.status == "open" and quote.number
    assert [one.amount_total for one in stripe.Quote.list_line_items(quote.id).data] == [3000]
    quote = stripe.Quote.accept(quote.id)
    assert quote.status == "accepted" and stripe.Subscription.retrieve(quote.subscription).status == "active"
    other = stripe.Quote.create(customer=customer.id, line_items=[{"price": monthly().id}])
    assert stripe.Quote.cancel(other.id).status == "canceled"
    assert {"quote.created", "quote.finalized", "quote.accepted", "quote.canceled"} <= {one.type for one in stripe.Event.list(limit=100).data}


def test_checkout_counts_shipping_and_trials():
    item = {"price_data": {"currency": "usd", "product_data": {"name": "Tea"}, "unit_amount": 2000}, "quantity": 2}
    rate = {"shipping_rate_data": {"type": "fixed_amount", "fixed_amount": {"amount": 500, "currency": "usd"}, "display_name": "Ground"}}
    session = stripe.checkout.Session.create(mode="payment", line_items=[item], shipping_options=[rate], success_url="https://e.com")
    assert (session.amount_subtotal, session.amount_total, session.total_details.amount_shipping) == (4000, 4500, 500)
    trial = stripe.checkout.Session.create(
        mode="subscription", line_items=[{"price": monthly().id, "quantity": 1}], subscription_data={"trial_period_days": 7}, success_url="https://e.com"
    )
    assert (trial.amount_total, trial.payment_status) == (0, "no_payment_required")
