"""PyGithub, unmodified but for the base URL, against the GitHub twin."""

import hashlib
import hmac
import json
import urllib.error
import urllib.request

import github
import pytest
from github import Auth, Github, GithubException, UnknownObjectException

TWIN = "github"


def call(twin, method, path, headers=None):
    """A request that no method of the client makes: status, headers, body."""
    request = urllib.request.Request(twin.url + path, method=method, headers={"authorization": "Bearer ghp_octocat", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def client(twin, login="octocat", **more):
    return Github(base_url=twin.url, auth=Auth.Token(f"ghp_{login}"), retry=None, seconds_between_requests=None, seconds_between_writes=None, **more)


@pytest.fixture(scope="module")
def gh(twin):
    return client(twin)


@pytest.fixture
def repo(gh, request):
    name = request.node.name.replace("_", "-")[:60]
    return gh.get_user().create_repo(name, auto_init=True, description="a place to try things")


def test_the_token_says_who_asks(twin, gh):
    me = gh.get_user()
    assert (me.login, me.type) == ("octocat", "User")
    assert gh.get_user("octocat").id == me.id
    assert client(twin, "alice").get_user().login == "alice"
    me.edit(bio="cat")
    assert gh.get_user().bio == "cat"
    with pytest.raises(github.BadCredentialsException) as refused:
        Github(base_url=twin.url, auth=Auth.Token("nonsense"), retry=None).get_user().login
    assert refused.value.status == 401
    with pytest.raises(UnknownObjectException) as missing:
        gh.get_user("nobody-at-all")
    assert missing.value.data["message"] == "Not Found"


def test_a_repository_is_made_changed_renamed_and_deleted(gh, repo):
    assert repo.full_name == f"octocat/{repo.name}" and repo.default_branch == "main" and repo.permissions.admin
    assert gh.get_repo(repo.full_name.upper()).id == repo.id
    assert gh.get_repo(repo.id).full_name == repo.full_name
    assert repo.url in [one.url for one in gh.get_user().get_repos()]
    with pytest.raises(GithubException) as taken:
        gh.get_user().create_repo(repo.name)
    assert taken.value.status == 422 and taken.value.data["errors"][0]["message"] == "name already exists on this account"
    issue = repo.create_issue("kept")
    repo.edit(description="other", has_wiki=False)
    assert (repo.description, repo.has_wiki) == ("other", False)
    repo.replace_topics(["Rust", "twins"])
    assert repo.get_topics() == ["rust", "twins"]
    renamed = f"{repo.name}-2"
    repo.edit(name=renamed)
    again = gh.get_repo(f"octocat/{renamed}")
    assert again.id == repo.id and again.get_issue(issue.number).title == "kept"
    again.edit(archived=True)
    with pytest.raises(GithubException) as readonly:
        again.create_issue("no")
    assert readonly.value.status == 403
    again.edit(archived=False)
    again.delete()
    with pytest.raises(UnknownObjectException):
        gh.get_repo(f"octocat/{renamed}")


def test_private_repositories_are_seen_by_their_people_only(twin, gh):
    hidden = gh.get_user().create_repo("hidden", private=True)
    alice = client(twin, "alice")
    with pytest.raises(UnknownObjectException):
        alice.get_repo(hidden.full_name)
    hidden.add_to_collaborators("alice", "push")
    assert alice.get_repo(hidden.full_name).permissions.push
    assert {one.login for one in hidden.get_collaborators()} == {"octocat", "alice"}
    assert hidden.get_collaborator_permission("alice") == "write"
    hidden.remove_from_collaborators("alice")
    assert not hidden.has_in_collaborators("alice")


def test_organisations_have_repositories_and_members(gh):
    org = gh.get_organization("acme")
    repo = org.create_repo("tools")
    assert repo.full_name == "acme/tools" and repo.organization.login == "acme"
    assert [one.name for one in org.get_repos()] == ["tools"]
    org.add_to_members(gh.get_user("octocat"), "admin")
    assert org.has_in_members(gh.get_user("octocat"))


def test_files_are_kept_as_git_keeps_them(repo):
    text = "hello\n"
    made = repo.create_file("docs/hello.txt", "say hello", text)
    blob = hashlib.sha1(b"blob 6\0hello\n").hexdigest()
    assert made["content"].sha == blob
    file = repo.get_contents("docs/hello.txt")
    assert (file.decoded_content, file.type, file.size, file.encoding) == (b"hello\n", "file", 6, "base64")
    assert [one.path for one in repo.get_contents("docs")] == ["docs/hello.txt"]
    assert sorted(one.name for one in repo.get_contents("")) == ["README.md", "docs"]
    with pytest.raises(GithubException) as conflict:
        repo.update_file("docs/hello.txt", "no", "x", "0" * 40)
    assert conflict.value.status == 409
    with pytest.raises(GithubException) as unsaid:
        repo.create_file("docs/hello.txt", "no", "x")
    assert unsaid.value.status == 422 and "sha" in unsaid.value.data["message"]
    changed = repo.update_file("docs/hello.txt", "say more", "hello\nworld\n", file.sha)
    commit = repo.get_commit(changed["commit"].sha)
    assert (commit.stats.additions, commit.stats.deletions) == (1, 0)
    assert [(one.filename, one.status) for one in commit.files] == [("docs/hello.txt", "modified")]
    assert "+world" in commit.files[0].patch
    assert [one.commit.message for one in repo.get_commits(path="docs/hello.txt")] == ["say more", "say hello"]
    repo.delete_file("docs/hello.txt", "gone", changed["content"].sha)
    with pytest.raises(UnknownObjectException):
        repo.get_contents("docs/hello.txt")
    assert repo.get_readme().decoded_content.startswith(b"# ")
    # Bytes that are no text.
    repo.create_file("raw.bin", "bytes", bytes(range(256)))
    assert repo.get_contents("raw.bin").decoded_content == bytes(range(256))


def test_branches_refs_trees_and_commits(repo):
    main = repo.get_branch("main")
    ref = repo.create_git_ref("refs/heads/feature/x", main.commit.sha)
    assert ref.object.sha == main.commit.sha and ref.ref == "refs/heads/feature/x"
    with pytest.raises(GithubException) as exists:
        repo.create_git_ref("refs/heads/feature/x", main.commit.sha)
    assert exists.value.status == 422
    element = github.InputGitTreeElement("src/a.py", "100644", "blob", content="print(1)\n")
    tree = repo.create_git_tree([element], repo.get_git_tree(main.commit.sha))
    commit = repo.create_git_commit("by hand", tree, [repo.get_git_commit(main.commit.sha)])
    ref.edit(commit.sha)
    assert repo.get_git_ref("heads/feature/x").object.sha == commit.sha
    paths = [one.path for one in repo.get_git_tree("feature/x", recursive=True).tree]
    assert paths == ["README.md", "src", "src/a.py"]
    content = (
        f"tree {tree.sha}\nparent {main.commit.sha}\n"
        + "".join(f"{who} {p.name} <{p.email}> {int(p.date.timestamp())} +0000\n" for who, p in (("author", commit.author), ("committer", commit.committer)))
        + "\nby hand"
    ).encode()
    assert commit.sha == hashlib.sha1(b"commit %d\0" % len(content) + content).hexdigest()
    compared = repo.compare("main", "feature/x")
    assert (compared.status, compared.ahead_by, [one.filename for one in compared.files]) == ("ahead", 1, ["src/a.py"])
    assert {one.name for one in repo.get_branches()} == {"main", "feature/x"}
    merged = repo.merge("main", "feature/x", "join")
    assert [one.sha for one in merged.parents] == [main.commit.sha, commit.sha]
    ref.delete()
    with pytest.raises(UnknownObjectException):
        repo.get_branch("feature/x")
    tag = repo.create_git_tag_and_release("v1", "first", "v1", "notes", merged.sha, "commit")
    assert tag.tag_name == "v1" and [one.name for one in repo.get_tags()] == ["v1"]
    status = repo.get_commit(merged.sha).create_status("success", "https://ci.example", "done", "ci")
    assert status.state == "success" and repo.get_commit(merged.sha).get_combined_status().state == "success"


def test_an_issue_lives(twin, gh, repo):
    label = repo.create_label("urgent", "FF0000", "now")
    assert label.color == "ff0000"
    milestone = repo.create_milestone("1.0", description="first")
    issue = repo.create_issue("It breaks", body="badly", labels=["urgent", "bug"], milestone=milestone, assignee="octocat")
    assert issue.number == 1 and {one.name for one in issue.labels} == {"urgent", "bug"}
    assert issue.milestone.title == "1.0" and issue.assignee.login == "octocat" and issue.url.startswith(twin.url)
    issue.edit(title="It breaks badly", state="closed", state_reason="not_planned")
    assert (issue.state, issue.state_reason, issue.closed_by.login) == ("closed", "not_planned", "octocat")
    assert repo.get_milestone(1).closed_issues == 1
    issue.edit(state="open")
    assert issue.closed_at is None and issue.state_reason == "reopened"
    issue.add_to_labels("question")
    issue.remove_from_labels("bug")
    assert {one.name for one in issue.get_labels()} == {"urgent", "question"}
    issue.set_labels("enhancement")
    issue.remove_from_assignees("octocat")
    issue.update()
    assert issue.assignees == [] and [one.name for one in issue.labels] == ["enhancement"]
    comment = issue.create_comment("first")
    comment.edit("second")
    assert [one.body for one in issue.get_comments()] == ["second"] and repo.get_issue(1).comments == 1
    reaction = comment.create_reaction("heart")
    assert reaction.content == "heart" and [one.content for one in comment.get_reactions()] == ["heart"]
    assert repo.get_issue(1).get_comment(comment.id).reactions["heart"] == 1
    issue.lock("resolved")
    assert repo.get_issue(1).locked and repo.get_issue(1).active_lock_reason == "resolved"
    repo_of_alice = client(twin, "alice").get_repo(repo.full_name)
    with pytest.raises(GithubException) as locked:
        repo_of_alice.get_issue(1).create_comment("no")
    assert locked.value.status == 403
    issue.unlock()
    events = [one.event for one in issue.get_events()]
    assert events[:3] == ["labeled", "labeled", "assigned"] and {"closed", "reopened", "renamed", "locked", "unlocked"} <= set(events)
    assert "commented" in [one.event for one in issue.get_timeline()]
    issue.edit(milestone=None)
    assert issue.milestone is None
    with pytest.raises(GithubException) as untitled:
        repo.create_issue("")
    assert untitled.value.status == 422 and untitled.value.data["errors"] == [{"resource": "Issue", "field": "title", "code": "missing_field"}]
    with pytest.raises(UnknownObjectException):
        repo.get_issue(99)


def test_lists_are_paged_by_links(gh, repo):
    for number in range(7):
        repo.create_issue(f"issue {number}", labels=["even"] if number % 2 == 0 else [])
    gh.per_page = 3
    try:
        pages = repo.get_issues(state="all", sort="created", direction="asc")
        assert pages.totalCount == 7
        assert [one.number for one in pages] == [1, 2, 3, 4, 5, 6, 7]
        assert [one.number for one in pages.reversed] == [7, 6, 5, 4, 3, 2, 1]
        assert [one.number for one in pages.get_page(2)] == [7]
        assert [one.number for one in repo.get_issues(labels=["even"])] == [7, 5, 3, 1]
    finally:
        gh.per_page = 30
    repo.get_issue(1).edit(state="closed")
    assert [one.number for one in repo.get_issues(state="closed")] == [1]
    found = gh.search_issues(f"repo:{repo.full_name} is:open label:even issue")
    assert {one.number for one in found} == {3, 5, 7}


def test_a_pull_request_is_reviewed_and_merged(twin, gh, repo):
    base = repo.get_branch("main").commit.sha
    repo.create_git_ref("refs/heads/topic", base)
    repo.create_file("new.txt", "add", "1\n2\n", branch="topic")
    pull = repo.create_pull(base="main", head="topic", title="Add it", body="please")
    assert (pull.number, pull.state, pull.merged, pull.mergeable) == (1, "open", False, True)
    assert (pull.commits, pull.changed_files, pull.additions) == (1, 1, 2) and pull.head.repo.full_name == repo.full_name
    with pytest.raises(GithubException) as twice:
        repo.create_pull(base="main", head="topic", title="Again")
    assert twice.value.status == 422 and "already exists" in twice.value.data["errors"][0]["message"]
    with pytest.raises(GithubException) as empty:
        repo.create_pull(base="main", head="nowhere", title="x")
    assert empty.value.data["errors"][0] == {"resource": "PullRequest", "field": "head", "code": "invalid"}
    assert [one.filename for one in pull.get_files()] == ["new.txt"] and [one.commit.message for one in pull.get_commits()] == ["add"]
    repo.add_to_collaborators("alice", "push")
    pull.create_review_request(reviewers=["alice"])
    assert [one.login for one in pull.get_review_requests()[0]] == ["alice"]
    hers = client(twin, "alice").get_repo(repo.full_name).get_pull(1)
    review = hers.create_review(body="good", event="APPROVE")
    assert review.state == "APPROVED" and [one.user.login for one in pull.get_reviews()] == ["alice"]
    assert list(pull.get_review_requests()[0]) == []
    with pytest.raises(GithubException) as own:
        pull.create_review(event="APPROVE")
    assert own.value.status == 422
    comment = hers.create_review_comment("why?", repo.get_commit(pull.head.sha), "new.txt", line=1)
    reply = pull.create_review_comment_reply(comment.id, "so")
    assert reply.in_reply_to_id == comment.id and pull.get_review_comments().totalCount == 2
    assert repo.get_issue(1).pull_request is not None and repo.get_issue(1).as_pull_request().number == 1
    pull.add_to_labels("bug")
    assert not pull.is_merged()
    result = pull.merge(merge_method="squash")
    assert result.merged and pull.is_merged()
    pull = repo.get_pull(1)
    assert (pull.merged, pull.state, pull.merged_by.login, pull.merge_commit_sha) == (True, "closed", "octocat", result.sha)
    assert repo.get_contents("new.txt").decoded_content == b"1\n2\n"
    assert [one.sha for one in repo.get_commit(result.sha).parents] == [base]
    with pytest.raises(GithubException) as done:
        pull.merge()
    assert done.value.status == 405
    assert [one.number for one in repo.get_pulls(state="closed")] == [1] and repo.get_pulls().totalCount == 0


def test_what_changed_on_both_sides_does_not_merge(repo):
    base = repo.get_branch("main").commit.sha
    readme = repo.get_contents("README.md")
    repo.create_git_ref("refs/heads/theirs", base)
    repo.update_file("README.md", "theirs", "theirs", readme.sha, branch="theirs")
    repo.update_file("README.md", "ours", "ours", readme.sha)
    pull = repo.create_pull(base="main", head="theirs", title="clash")
    assert (pull.mergeable, pull.mergeable_state) == (False, "dirty")
    with pytest.raises(GithubException) as conflict:
        pull.merge()
    assert conflict.value.status == 405
    pull.edit(state="closed")
    assert not repo.get_pull(1).merged


def test_a_fork_sends_a_pull_request(twin, repo):
    bob = client(twin, "bob")
    fork = bob.get_user().create_fork(bob.get_repo(repo.full_name))
    assert fork.fork and fork.parent.full_name == repo.full_name
    fork.create_file("bob.txt", "from bob", "hi")
    pull = bob.get_repo(repo.full_name).create_pull(base="main", head="bob:main", title="from a fork")
    assert pull.head.repo.full_name == fork.full_name and pull.head.label == "bob:main"
    assert repo.get_pull(pull.number).merge().merged
    assert repo.get_contents("bob.txt").decoded_content == b"hi"


def test_releases_have_files(repo, tmp_path):
    draft = repo.create_git_release("v0.9", "beta", "soon", draft=True)
    assert draft.draft
    with pytest.raises(UnknownObjectException):
        repo.get_latest_release()
    release = repo.create_git_release("v1.0", "one", "notes", target_commitish="main")
    assert repo.get_latest_release().id == release.id and repo.get_release("v1.0").title == "one"
    (tmp_path / "tool.txt").write_text("binary")
    asset = release.upload_asset(str(tmp_path / "tool.txt"), content_type="text/plain")
    assert (asset.name, asset.size) == ("tool.txt", 6) and [one.id for one in release.get_assets()] == [asset.id]
    assert release.update_release("one!", "more").title == "one!"
    with pytest.raises(GithubException) as taken:
        repo.create_git_release("v1.0", "again", "")
    assert taken.value.data["errors"][0]["code"] == "already_exists"
    release.delete_release()
    with pytest.raises(UnknownObjectException):
        repo.get_release("v1.0")


def verify(received, secret):
    headers, body = received
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["x-hub-signature-256"], f"sha256={mac}")
    return headers["x-github-event"], json.loads(body)


def test_hooks_tell_what_happens(twin, repo, receiver):
    hook = repo.create_hook("web", {"url": receiver.url, "content_type": "json", "secret": "s3cret"}, ["issues", "push", "pull_request"], active=True)
    assert hook.config["secret"] == "********" and hook.active
    came = receiver.wait(lambda came: len(came) >= 1)
    event, ping = verify(came[0], "s3cret")
    assert event == "ping" and ping["hook_id"] == hook.id and ping["repository"]["full_name"] == repo.full_name
    issue = repo.create_issue("told")
    repo.create_file("a.txt", "push it", "x")
    issue.create_comment("not asked for")
    came = receiver.wait(lambda came: len(came) >= 3)
    event, opened = verify(came[1], "s3cret")
    assert (event, opened["action"], opened["issue"]["title"], opened["sender"]["login"]) == ("issues", "opened", "told", "octocat")
    assert opened["issue"]["url"] == issue.url
    event, push = verify(came[2], "s3cret")
    assert (event, push["ref"], push["head_commit"]["message"]) == ("push", "refs/heads/main", "push it")
    deliveries = list(hook.get_deliveries()) if hasattr(hook, "get_deliveries") else list(repo.get_hook_deliveries(hook.id))
    assert [one.event for one in deliveries] == ["push", "issues", "ping"] and deliveries[0].status == "OK"
    one = repo.get_hook_delivery(hook.id, deliveries[1].id)
    assert one.request.payload["issue"]["number"] == 1 and one.guid == came[1][0]["x-github-delivery"]
    hook.ping()
    receiver.wait(lambda came: len(came) >= 4)
    status, _, _ = call(twin, "POST", f"/repos/{repo.full_name}/hooks/{hook.id}/deliveries/{deliveries[1].id}/attempts")
    assert status == 202
    came = receiver.wait(lambda came: len(came) >= 5)
    assert came[4][0]["x-github-delivery"] == one.guid
    hook.edit("web", {"url": receiver.url, "content_type": "json"}, events=["release"], active=False)
    repo.create_issue("silent")
    hook.delete()
    assert repo.get_hooks().totalCount == 0


def test_gists(gh):
    gist = gh.get_user().create_gist(True, {"a.py": github.InputFileContent("print(1)")}, "small")
    assert gh.get_gist(gist.id).files["a.py"].content == "print(1)" and gist.files["a.py"].language == "Python"
    gist.edit("smaller", {"b.txt": github.InputFileContent("b")})
    assert set(gh.get_gist(gist.id).files) == {"a.py", "b.txt"}
    comment = gist.create_comment("nice")
    assert [one.body for one in gist.get_comments()] == [comment.body]
    gist.set_starred()
    assert gist.is_starred()
    gist.delete()
    with pytest.raises(UnknownObjectException):
        gh.get_gist(gist.id)


def test_limits_are_told_and_answers_that_are_had_are_not_sent_again(twin, gh, repo):
    before = gh.get_rate_limit().resources.core
    gh.get_repo(repo.full_name)
    after = gh.get_rate_limit().resources.core
    assert (before.limit, before.remaining - after.remaining) == (5000, 1)
    status, headers, _ = call(twin, "GET", f"/repos/{repo.full_name}")
    assert status == 200 and headers["x-ratelimit-limit"] == "5000" and headers["x-ratelimit-resource"] == "core"
    status, again, body = call(twin, "GET", f"/repos/{repo.full_name}", {"if-none-match": headers["etag"]})
    assert (status, body, again["etag"]) == (304, b"", headers["etag"])


def test_what_the_engine_keeps_says_where_it_is(twin, gh, repo):
    check = repo.create_check_run("lint", repo.get_branch("main").commit.sha, status="in_progress")
    assert check.url == f"{twin.url}/repos/{repo.full_name}/check-runs/{check.id}"
    check.edit(status="completed", conclusion="success")
    key = repo.create_key("deploy", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC", read_only=True)
    assert [one.title for one in repo.get_keys()] == ["deploy"]
    key.delete()
    assert list(repo.get_keys()) == []


def test_nothing_is_listed_that_nobody_made(gh, repo):
    assert (repo.get_workflows().totalCount, repo.get_workflow_runs().totalCount, repo.get_artifacts().totalCount) == (0, 0, 0)
    assert list(gh.get_user().get_notifications()) == []
    assert [one.key for one in gh.get_licenses()] != []
