#!/usr/bin/env python3
"""Makes the models of the catalog from the vendors' published descriptions, by our own importer.

usage: import.py WT SOURCES [TWIN…]

WT is the binary; SOURCES a folder that holds, unpacked:
  stripe.yaml          stripe/openapi, tag v525: openapi/spec3.yaml
  stripe-fixtures.json the same: openapi/fixtures3.json, one object of each resource
  github.json          npm @octokit/openapi 23.0.2: generated/api.github.com.json
  slack.json           slackapi/slack-api-specs: web-api/slack_web_openapi_v2.json, OpenAPI 2.0; made 3.0 here by
                       npm swagger2openapi 7, which npx fetches
  twilio-*.json        twilio/twilio-oai of 2024-06-06: api_v2010, verify_v2, lookups_v2
  resend.yaml          resend/resend-openapi of 2026-08-21
PostHog publishes no description of what its SDKs call; ours stands beside its model.

Not part of the build, which reads the results. The same sources give the same bytes.
"""

import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent

# Twin: sources, base URL, where from, licence, date, API version, SDK.
TWINS = {
    "stripe": (["stripe.yaml"], "https://api.stripe.com", "https://github.com/stripe/openapi", "MIT", "2023-09-12", "2023-08-16", "stripe"),
    "github": (["github.json"], "https://api.github.com", "npm @octokit/openapi 23.0.2", "MIT", "2026-11-24", None, "PyGithub"),
    "slack": (["slack.json"], "https://slack.com/api", "https://github.com/slackapi/slack-api-specs", "MIT", "2021-09-03", None, "slack_sdk"),
    "twilio": (["twilio-api_v2010.json", "twilio-verify_v2.json", "twilio-lookups_v2.json"], "https://api.twilio.com",
               "https://github.com/twilio/twilio-oai", "MIT", "2024-06-06", None, "twilio"),
    "resend": (["resend.yaml"], "https://api.resend.com", "https://github.com/resend/resend-openapi", "MIT", "2026-08-21", None, "resend"),
    "posthog": ([str(HERE / "posthog/openapi.yaml")], "https://us.i.posthog.com", "written by hand", "MIT", "2026-11-24", None, "posthog"),
}


def converted(source, folder):
    """An OpenAPI 2.0 document as 3.0, where it is one; other documents as they are.

    Slack's writes alternatives as a list of `items` of what is no array; in 3.0 that would be an array of any of them.
    """
    if not source.endswith(".json"):
        return source
    document = json.loads(pathlib.Path(source).read_text())
    if "swagger" not in document:
        return source

    def walk(value):
        if isinstance(value, list):
            for one in value:
                walk(one)
        elif isinstance(value, dict):
            if isinstance(value.get("items"), list):
                alternatives = value.pop("items")
                if value.get("type") == "array":
                    value["items"] = {"anyOf": alternatives}
                else:
                    value.pop("type", None)
                    value["anyOf"] = alternatives
            for key, one in value.items():
                if key not in ("examples", "example", "enum"):
                    walk(one)

    walk(document)
    plain, whole = pathlib.Path(folder, "swagger.json"), pathlib.Path(folder, "openapi.json")
    plain.write_text(json.dumps(document))
    subprocess.run(["npx", "-y", "swagger2openapi@7", "--patch", "--warnOnly", str(plain), "-o", str(whole)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return str(whole)


def imported(wt, name, source):
    """The model that `wt init --openapi` makes of one document."""
    with tempfile.TemporaryDirectory() as folder:
        source = converted(source, folder)
        subprocess.run([wt, "init", name, "--openapi", source], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return json.loads(pathlib.Path(folder, "twins", name, "model/symbols.json").read_text())


def joined(models):
    """One model of several documents of a vendor: no path and no schema is in two of them."""
    whole = models[0]
    for model in models[1:]:
        for part in ("routes", "entities", "webhooks", "limits"):
            ours, theirs = whole.setdefault(part, {}), model.get(part, {})
            both = set(ours) & set(theirs)
            assert not both, f"{part}: {sorted(both)[:3]} are in two documents"
            ours.update(theirs)
    return {key: value for key, value in whole.items() if value not in ({}, None)}


def extended(wt, name, model):
    """The model with the routes of `NAME/extra.yaml`: what clients call and the vendor's description leaves out."""
    extra = HERE / name / "extra.yaml"
    return joined([model, imported(wt, name, str(extra))]) if extra.exists() else model


# Rate limits that no description says. Source: GitHub's REST documentation, "Rate limits for the REST API"; asking for the
# limits costs nothing.
LIMITS = {
    "github": {
        "core": {"algorithm": "fixed_window", "limit": 5000, "window_seconds": 3600.0, "headers": "github"},
        "search": {"algorithm": "fixed_window", "limit": 30, "window_seconds": 60.0, "headers": "github"},
        "rate_limit": {"algorithm": "fixed_window", "limit": 1000000, "window_seconds": 60.0, "headers": "none"},
    },
}


# Fields that the vendor's own reference shows as null and its description does not allow to be. Source: Resend's API reference,
# the examples of each answer.
NULL = {
    "resend": {
        "Email": ["text", "html", "subject", "scheduled_at"],
        "GetContactResponseSuccess": ["first_name", "last_name"], "ListContactsResponseSuccess": ["first_name", "last_name"],
        "GetBroadcastResponseSuccess": ["name", "preview_text", "scheduled_at", "sent_at"],
        "ListBroadcastsResponseSuccess": ["name", "scheduled_at", "sent_at", "topic_id", "audience_id", "segment_id"],
    },
}


# What the vendor's own answers hold and its description's formats do not allow, by field. Source: GitHub's reference shows any text as
# `homepage` and an empty `blog`; Twilio's shows addresses without a host, which are references (RFC 3986).
FORMATS = {
    "github": {"homepage": None, "blog": None},
    "twilio": {"uri": "uri-reference", "first_page_uri": "uri-reference", "next_page_uri": "uri-reference", "previous_page_uri": "uri-reference"},
}


def with_formats(model, name):
    """Gives the fields of `FORMATS`, wherever they are, the format they have; none where that is None."""
    def walk(value):
        if isinstance(value, dict):
            for field, schema in (value.get("properties") or {}).items():
                if field in FORMATS[name] and isinstance(schema, dict) and schema.get("format") == "uri":
                    schema.pop("format")
                    schema.update({"format": FORMATS[name][field]} if FORMATS[name][field] else {})
            for one in value.values():
                walk(one)

    if name in FORMATS:
        walk({part: model[part] for part in ("routes", "entities") if part in model})


def with_nulls(model, name):
    """Lets the fields of `NULL` be null, however deep they lie in their entity."""
    def walk(schema, fields):
        for field, inner in schema.get("properties", {}).items():
            if field in fields:
                inner["nullable"] = True
            walk(inner, fields)
        walk(schema["items"], fields) if "items" in schema else None

    for entity, fields in NULL.get(name, {}).items():
        walk(model["entities"][entity], fields)


def examples(model, fixtures):
    """The vendor's one object of each resource, by the model's entity."""
    resources = json.loads(fixtures.read_text())["resources"]
    model["examples"] = {name: value for name, value in resources.items() if name in model["entities"]}
    # What Stripe's own mock sends where the answer is a file; the tests of its SDKs look for these bytes.
    files = [key for key, route in model["routes"].items() if route["variants"].get("200", {}).get("body", {}).get("format") == "binary"]
    model["examples"].update({key: "Stripe binary response" for key in files})


def tokens_or_details(model):
    """Where Stripe takes a token it takes what the token stands for, too; the description says so in words only.

    Source: Stripe's public reference of these parameters.
    """
    for key, route in model["routes"].items():
        for schema in (route.get("request") or {}).get("content", {}).values():
            for name in ("external_account", "source", "card", "bank_account"):
                types = schema.get("properties", {}).get(name, {}).get("types")
                if types == {"string": True} and "/test_helpers/" not in key:
                    types["object"] = True


def cards_typed_in(model):
    """`payment_method_data` takes a card, by its number or a token, as `POST /v1/payment_methods` does.

    The description of this version leaves cards out there; servers and the vendor's own examples and tests send them.
    """
    card = form(model, "POST /v1/payment_methods")["card"]
    for key in model["routes"]:
        given = form(model, key).get("payment_method_data", {}).get("properties")
        if given and key.startswith(("POST /v1/payment_intents", "POST /v1/setup_intents")):
            given["card"] = card
            given["type"]["enum"]["card"] = True


def form(model, key):
    """The fields a route takes in a form."""
    content = (model["routes"][key].get("request") or {}).get("content", {})
    return content.get("application/x-www-form-urlencoded", {}).get("properties", {})


def left_out(model):
    """Parameters that Stripe's own clients send and the description does not list.

    Source: stripe-python 6.4.0, the client generated from the same description.
    """
    query = model["routes"]["GET /v1/accounts/{account}/external_accounts"]["query"]
    query["object"] = {"schema": {"types": {"string": True}}}


def by_either_method(model):
    """Slack's methods take GET and POST alike, whichever the description lists; arguments go in the query or in a form.

    Source: Slack's public documentation, "Using the Slack Web API".
    """
    routes = model["routes"]
    for key in list(routes):
        method, path = key.split(" ", 1)
        if method == "GET":
            route = {part: value for part, value in routes[key].items() if part != "query"}
            fields = {name: one["schema"] for name, one in routes[key].get("query", {}).items()}
            fields = {name: {part: value for part, value in schema.items() if part != "required"} for name, schema in fields.items()}
            form = {"types": {"object": True}, "properties": fields} if fields else {"types": {"object": True}}
            route["request"] = {"content": {"application/x-www-form-urlencoded": form}}
            routes.setdefault(f"POST {path}", route)
        elif method == "POST":
            routes.setdefault(f"GET {path}", {part: value for part, value in routes[key].items() if part != "request"})


def errors_with_status_200(model):
    """Slack answers errors with status 200, which its description lists as `default`: such an answer is either.

    One shape of error for all methods, its codes open: each method lists some and any may send others.
    Source: Slack's public documentation, "Using the Slack Web API" (evaluating responses; lists of errors are not exhaustive).
    """
    text = {"types": {"string": True}}
    fields = {"ok": {"types": {"boolean": True}, "enum": {"false": True}, "required": True}, "error": {**text, "required": True},
              "warning": text, "response_metadata": {"types": {"object": True}, "properties": {
                  "messages": {"types": {"array": True}, "items": text}, "warnings": {"types": {"array": True}, "items": text}}}}
    for route in model["routes"].values():
        variants = route["variants"]
        error = variants.get("default", {}).pop("body", None)
        if error is None:
            continue
        for name, schema in error.get("properties", {}).items():
            schema = {part: value for part, value in schema.items() if part not in ("enum", "required")}
            schema.get("items", {}).get("properties", {}).get("error", {}).pop("enum", None)
            fields.setdefault(name, schema)
        variants["default"]["body"] = {"ref": "error"}
        variants["200"]["body"].setdefault("any_of", {})["error"] = {"ref": "error"}
    model["entities"]["error"] = {"types": {"object": True}, "properties": fields}


def main(wt, sources, *names):
    wt, sources = str(pathlib.Path(wt).resolve()), pathlib.Path(sources).resolve()
    for name, (files, base_url, url, licence, date, api_version, package) in TWINS.items():
        if names and name not in names:
            continue
        paths = [sources / file for file in files]
        model = joined([imported(wt, name, str(path)) for path in paths])
        if name == "slack":
            by_either_method(model)
            errors_with_status_200(model)
        if name == "stripe":
            paths.append(sources / "stripe-fixtures.json")
            examples(model, paths[-1])
            tokens_or_details(model)
            cards_typed_in(model)
            left_out(model)
        model = extended(wt, name, model)
        with_nulls(model, name)
        with_formats(model, name)
        model.update({"limits": LIMITS[name]} if name in LIMITS else {})
        model["version"] = "0.1.0"
        model["base_url"] = base_url
        if api_version:
            model["api_version"] = api_version
        folder = HERE / name / "model"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(model, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        (folder / "symbols.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
        digests = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
        provenance = {
            "twin": name,
            "sdk_target": {"package": package, "language": "python"},
            "generated_at": "2026-11-24T00:00:00Z",
            "licence": licence,
            "sources": {"openapi": {
                "origin": "manual" if url == "written by hand" else "vendor_published",
                "url": url, "retrieved_at": date, "sha256": digests, "api_version": api_version}},
        }
        (HERE / name / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
        print(name, len(model["routes"]), "routes", (folder / "symbols.json.gz").stat().st_size, "bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
