"""Stripe's own Python client: accounts, what is theirs, and money that moves between them."""

import pytest
import stripe

from stripe_world import connect, errors, paid

TWIN = "stripe"


@pytest.fixture(autouse=True)
def client(twin):
    connect(twin)


def an_account(**fields):
    return stripe.Account.create(
        type="custom", country="US", email="shop@example.com", capabilities={"card_payments": {"requested": True}, "transfers": {"requested": True}}, **fields
    )


def ready(account):
    """Tells all that is asked before an account may take payments."""
    return stripe.Account.modify(
        account.id,
        business_type="individual",
        business_profile={"mcc": "5734", "url": "https://shop.example.com"},
        individual={"first_name": "Ada", "last_name": "L", "email": "ada@example.com", "dob": {"day": 1, "month": 1, "year": 1990}},
        tos_acceptance={"date": 1_700_000_000, "ip": "127.0.0.1"},
        external_account="btok_us_verified",
    )


def test_an_account_is_made_completed_listed_and_deleted():
    account = an_account(metadata={"shop": "1"})
    assert account.id.startswith("acct_") and account.type == "custom" and not account.charges_enabled
    assert account.requirements.currently_due and account.capabilities["transfers"] == "inactive"
    done = ready(account)
    assert done.charges_enabled and done.payouts_enabled and done.details_submitted and not done.requirements.currently_due
    assert done.capabilities["transfers"] == "active" and done.business_profile.mcc == "5734"
    assert done.external_accounts.data[0].object == "bank_account"
    assert [one.id for one in stripe.Account.list()] == [account.id]
    assert "account.updated" in [event.type for event in stripe.Event.list(limit=10)]
    assert stripe.Account.delete(account.id).deleted
    with pytest.raises(errors.StripeError):
        stripe.Account.retrieve(account.id)


def test_the_platforms_own_account_can_be_read():
    account = stripe.Account.retrieve()
    assert account.object == "account" and account.id.startswith("acct_") and account.charges_enabled


def test_onboarding_links_lead_to_pages():
    account = stripe.Account.create(type="express")
    link = stripe.AccountLink.create(account=account.id, refresh_url="https://example.com/again", return_url="https://example.com/back", type="account_onboarding")
    assert link.url and link.expires_at > link.created
    assert stripe.Account.create_login_link(account.id).url


def test_external_accounts_are_kept_below_their_account():
    account = an_account()
    bank = stripe.Account.create_external_account(
        account.id, external_account={"object": "bank_account", "country": "US", "currency": "usd", "routing_number": "110000000", "account_number": "000123456789"}
    )
    assert bank.object == "bank_account" and bank.last4 == "6789" and bank.account == account.id and bank.default_for_currency
    card = stripe.Account.create_external_account(account.id, external_account="tok_visa_debit")
    assert card.object == "card" and card.last4 == "5556"
    listed = stripe.Account.list_external_accounts(account.id, object="bank_account")
    assert [one.id for one in listed] == [bank.id]
    assert stripe.Account.modify_external_account(account.id, bank.id, metadata={"a": "b"}).metadata["a"] == "b"
    assert stripe.Account.delete_external_account(account.id, card.id).deleted


def test_what_an_account_has_is_its_own():
    account = an_account()
    theirs = stripe.Customer.create(name="Theirs", stripe_account=account.id)
    ours = stripe.Customer.create(name="Ours")
    assert [one.id for one in stripe.Customer.list()] == [ours.id]
    assert [one.id for one in stripe.Customer.list(stripe_account=account.id)] == [theirs.id]
    with pytest.raises(errors.InvalidRequestError):
        stripe.Customer.retrieve(theirs.id)
    charge = stripe.Charge.create(amount=1000, currency="usd", source="tok_bypassPending", stripe_account=account.id)
    assert stripe.Balance.retrieve(stripe_account=account.id).available[0].amount == stripe.BalanceTransaction.retrieve(charge.balance_transaction, stripe_account=account.id).net
    assert stripe.Balance.retrieve().available[0].amount == 0
    with pytest.raises(errors.PermissionError):
        stripe.Customer.list(stripe_account="acct_none")


def test_transfers_pay_accounts_and_are_taken_back():
    account = an_account()
    with pytest.raises(errors.InvalidRequestError) as poor:
        stripe.Transfer.create(amount=1000, currency="usd", destination=account.id)
    assert poor.value.code == "balance_insufficient"
    paid(10_000, card="pm_card_bypassPending")
    transfer = stripe.Transfer.create(amount=3000, currency="usd", destination=account.id, transfer_group="ORDER_1", metadata={"a": "b"})
    assert transfer.amount_reversed == 0 and transfer.destination == account.id and transfer.balance_transaction
    assert stripe.Balance.retrieve(stripe_account=account.id).available[0].amount == 3000
    payment = stripe.Charge.retrieve(transfer.destination_payment, stripe_account=account.id)
    assert payment.amount == 3000 and payment.source_transfer == transfer.id
    reversal = stripe.Transfer.create_reversal(transfer.id, amount=1000)
    assert reversal.amount == 1000 and reversal.transfer == transfer.id
    assert stripe.Transfer.retrieve(transfer.id).amount_reversed == 1000
    assert stripe.Balance.retrieve(stripe_account=account.id).available[0].amount == 2000
    assert [one.id for one in stripe.Transfer.list_reversals(transfer.id)] == [reversal.id]
    with pytest.raises(errors.InvalidRequestError):
        stripe.Transfer.create_reversal(transfer.id, amount=9000)
    assert [one.id for one in stripe.Transfer.list(transfer_group="ORDER_1")] == [transfer.id]


def test_payments_for_an_account_leave_the_platform_its_fee():
    account = an_account()
    intent = stripe.PaymentIntent.create(
        amount=10_000, currency="usd", confirm=True, payment_method="pm_card_bypassPending", payment_method_types=["card"],
        application_fee_amount=1_500, transfer_data={"destination": account.id},
    )
    charge = stripe.Charge.retrieve(intent.latest_charge, expand=["transfer", "application_fee"])
    assert charge.transfer.amount == 10_000 and charge.application_fee.amount == 1_500
    assert stripe.Balance.retrieve(stripe_account=account.id).available[0].amount == 8_500
    fee = stripe.ApplicationFee.list().data[0]
    assert fee.account == account.id and fee.charge == charge.id
    back = stripe.ApplicationFee.create_refund(fee.id, amount=500)
    assert back.amount == 500 and stripe.ApplicationFee.retrieve(fee.id).amount_refunded == 500


def test_payouts_of_an_account_come_from_its_balance(twin):
    account = ready(an_account())
    paid(10_000, card="pm_card_bypassPending")
    stripe.Transfer.create(amount=5000, currency="usd", destination=account.id)
    payout = stripe.Payout.create(amount=4000, currency="usd", stripe_account=account.id)
    assert payout.status == "pending" and stripe.Balance.retrieve(stripe_account=account.id).available[0].amount == 1000
    assert stripe.Payout.list().data == []
