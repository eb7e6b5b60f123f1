"""PostHog's own client, unmodified but for the host, against the PostHog twin."""

import json
import urllib.error
import urllib.request

import pytest
from posthog import Posthog

TWIN = "posthog"


@pytest.fixture
def posthog(twin):
    twin.admin("POST", "/admin/reset")
    client = Posthog("phc_test", host=twin.url, sync_mode=True, disable_geoip=False)
    yield client
    client.shutdown()


def put(twin, key, **more):
    return twin.admin("POST", "/admin/feature-flags", {"key": key, **more})


def test_events_are_kept_as_they_came(twin, posthog):
    posthog.capture("signed up", distinct_id="ada", properties={"plan": "pro"})
    [event] = twin.admin("GET", "/admin/events")
    assert (event["event"], event["distinct_id"], event["properties"]["plan"], event["properties"]["$lib"]) == ("signed up", "ada", "pro", "posthog-python")
    assert event["uuid"] and event["timestamp"]


def test_batches_may_be_packed(twin):
    twin.admin("POST", "/admin/reset")
    client = Posthog("phc_test", host=twin.url, gzip=True, flush_at=50)
    for number in range(20):
        client.capture(f"event {number}", distinct_id="ada")
    client.shutdown()
    assert [one["event"] for one in twin.admin("GET", "/admin/events")] == [f"event {number}" for number in range(20)]


def test_persons_are_what_events_say_of_them(twin, posthog):
    posthog.capture("visit", distinct_id="anonymous-1", properties={"$set": {"referrer": "x"}})
    posthog.set(distinct_id="ada", properties={"email": "ada@example.com", "plan": "free"})
    posthog.set_once(distinct_id="ada", properties={"plan": "never", "first": "1"})
    posthog.alias("anonymous-1", "ada")
    request = urllib.request.Request(twin.url + "/api/projects/1/persons/?distinct_id=anonymous-1", headers={"authorization": "Bearer phx_key"})
    person = json.load(urllib.request.urlopen(request))["results"][0]
    assert set(person["distinct_ids"]) == {"ada", "anonymous-1"}
    assert (person["properties"]["email"], person["properties"]["plan"], person["properties"]["first"]) == ("ada@example.com", "free", "1")
    posthog.group_identify("company", "acme", {"size": 10})
    assert twin.admin("GET", "/admin/events")[-1]["event"] == "$groupidentify"


def test_flags_are_worked_out_as_the_client_does(twin, posthog):
    put(twin, "half", filters={"groups": [{"rollout_percentage": 50}]})
    put(twin, "colour", filters={
        "groups": [{"rollout_percentage": 100}],
        "multivariate": {"variants": [{"key": "red", "rollout_percentage": 40}, {"key": "green", "rollout_percentage": 35}, {"key": "blue", "rollout_percentage": 25}]},
        "payloads": {"red": '{"hex": "f00"}'},
    })
    put(twin, "paid", filters={"groups": [{"properties": [{"key": "plan", "value": ["pro", "team"], "operator": "exact"}], "rollout_percentage": 100}]})
    put(twin, "grown", filters={"groups": [{"properties": [{"key": "age", "value": 18, "operator": "gte"}]}]})
    put(twin, "off", active=False)
    local = Posthog("phc_test", host=twin.url, personal_api_key="phx_key", sync_mode=True)
    local.load_feature_flags()
    assert {flag["key"] for flag in local.feature_flags} == {"half", "colour", "paid", "grown", "off"}
    seen = {"half": set(), "colour": set()}
    for number in range(60):
        who, properties = f"user-{number}", {"plan": "pro" if number % 2 else "free", "age": number}
        for key in ("half", "colour", "paid", "grown", "off"):
            theirs = posthog.get_feature_flag(key, who, person_properties=properties, send_feature_flag_events=False)
            ours = local.get_feature_flag(key, who, person_properties=properties, only_evaluate_locally=True, send_feature_flag_events=False)
            assert theirs == ours, (key, who)
            seen.setdefault(key, set()).add(theirs)
    assert seen["half"] == {True, False} and seen["colour"] == {"red", "green", "blue"}
    assert seen["paid"] == {True, False} and seen["grown"] == {True, False} and seen["off"] == {False}
    red = next(f"user-{number}" for number in range(60) if posthog.get_feature_flag("colour", f"user-{number}", send_feature_flag_events=False) == "red")
    assert posthog.get_feature_flag_payload("colour", red) == {"hex": "f00"}
    assert posthog.get_all_flags(red)["colour"] == "red"
    local.shutdown()


def test_persons_decide_flags_by_what_was_set_of_them(twin, posthog):
    put(twin, "team", filters={"groups": [{"properties": [{"key": "email", "value": "@example.com", "operator": "icontains"}]}]})
    assert posthog.feature_enabled("team", "ada", send_feature_flag_events=False) is False
    posthog.set(distinct_id="ada", properties={"email": "ada@example.com"})
    assert posthog.feature_enabled("team", "ada", send_feature_flag_events=False) is True
    posthog.get_feature_flag("team", "ada")
    assert twin.admin("GET", "/admin/events")[-1]["event"] == "$feature_flag_called"


def test_keys_are_asked_for(twin):
    for path, headers, status in (("/api/projects/", {}, 401), ("/api/projects/", {"authorization": "Bearer nonsense"}, 401), ("/api/projects/", {"authorization": "Bearer phx_key"}, 200)):
        request = urllib.request.Request(twin.url + path, headers=headers)
        try:
            assert urllib.request.urlopen(request).status == status
        except urllib.error.HTTPError as error:
            assert error.code == status and json.load(error)["type"] == "authentication_error"
    request = urllib.request.Request(twin.url + "/batch/", b'{"batch": []}', {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 401
