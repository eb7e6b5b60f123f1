"""What the Stripe suites share: a client of the twin, and people who pay."""

import urllib.error
import urllib.parse
import urllib.request

import stripe

# Clients before 2024 keep their errors in a module of their own.
errors = getattr(stripe, "error", stripe)

DAY = 86_400
BEGIN = 1_700_000_000


def connect(twin):
    """Points the client at a twin that has forgotten everything."""
    twin.admin("POST", "/admin/reset")
    stripe.api_base = twin.url
    stripe.upload_api_base = twin.url
    stripe.connect_api_base = twin.url
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
    recurring = {"interval": "month", **fields.pop("recurring", {})}
    return stripe.Price.create(product=product.id, unit_amount=amount, currency="usd", recurring=recurring, **fields)


def paid(amount=2000, card="pm_card_visa", **fields):
    """A payment intent confirmed at once."""
    return stripe.PaymentIntent.create(
        amount=amount, currency="usd", confirm=True, payment_method=card, payment_method_types=["card"], **fields
    )


def plain(thing):
    """An object of the client as a dict, whatever the client's age."""
    return thing.to_dict() if hasattr(thing, "to_dict") else dict(thing)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def click(url, **fields):
    """Reads one of the twin's pages, presses a button of its form, and says where that leads."""
    opener = urllib.request.build_opener(Stay)
    page = opener.open(url)
    assert page.headers["content-type"].startswith("text/html") and b"<form method=post>" in page.read()
    try:
        return opener.open(url, urllib.parse.urlencode(fields).encode()).read().decode()
    except urllib.error.HTTPError as answer:
        return answer.headers["location"] or answer.read().decode()


def advance(clock, time):
    """Moves a test clock and waits for it, as Stripe asks its users to."""
    held = stripe.test_helpers.TestClock.advance(clock.id, frozen_time=time)
    assert held.status == "advancing"
    for _ in range(200):
        if held.status == "ready":
            return held
        held = stripe.test_helpers.TestClock.retrieve(clock.id)
    raise AssertionError("the clock does not become ready")
