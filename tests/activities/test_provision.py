"""Provisioning: what is missing is made, what differs is changed, the second run writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

from activities.provision.__main__ import OK, REFUSED, main, provision
from activities.provision.account import EVENTS, Provisioner, ProvisionError
from activities.provision.changes import described
from activities.provision.wanted import FileError, parse
from activities.settings import TwilioSettings
from activities.tasks import CreateTaskInput
from simulator.core.taskrouter.model import Workspace
from simulator.core.text import Form
from tests.activities.centre import CENTRE, LABEL, Centre, wishes
from tests.activities.settings import NUMBER
from tests.activities.telephony import Telephony, attempt
from tests.tidy.sources import ROOT

EXAMPLE = ROOT / "docs/handover.example.toml"


@pytest.fixture
async def number(phones: Telephony) -> dict[str, Any]:
    """The number's settings as they really are."""
    with phones.runtime.act() as network:
        made = network.create_number(
            Form.of({"PhoneNumber": NUMBER, "VoiceUrl": "http://old.example/voice"})
        )
    return phones.runtime.network.numbers[str(made["sid"])].settings


def provisioner(
    sdk: Client, settings: TwilioSettings, text: str = CENTRE, is_dry_run: bool = False
) -> Provisioner:
    return Provisioner(sdk, settings, parse(text), is_dry_run)


def space_of(phones: Telephony) -> Workspace:
    (space,) = phones.runtime.network.taskrouter.workspaces.values()
    return space


def writes(phones: Telephony) -> list[str]:
    return [route for route in phones.asked if not route.endswith((".list", ".fetch"))]


async def test_everything_is_made(
    phones: Telephony, sdk: Client, settings: TwilioSettings, number: dict[str, Any]
) -> None:
    done = await provisioner(sdk, settings).run()
    space = space_of(phones)
    base = settings.public_base_url
    assert (space.sid, space.name, space.multi_task) == (done.workspace_sid, "Handover", True)
    assert space.event_url == f"{base}/twilio/taskrouter/events"
    assert set(space.events_filter.split(",")) == set(EVENTS)
    assert {q.name: q.target_workers for q in space.queues.values()} == {
        "Support": '(skills HAS "support")',
        "Sales": 'skills HAS "sales"',
        "Everyone": "1 == 1",
        "Nobody": "1 == 0",
    }
    (workflow,) = space.workflows.values()
    assert workflow.sid == done.workflow_sid
    assert workflow.assignment_url == workflow.fallback_url
    assert workflow.assignment_url == f"{base}/twilio/taskrouter/assignment"
    assert workflow.reservation_timeout == 60
    workers = {w.name: w for w in space.workers.values()}
    assert workers["anna"].attributes == {
        "contact_uri": "client:anna",
        "skills": ["support", "german"],
    }
    assert workers["anna"].activity.name == "Available"
    assert workers["ben"].activity.name == "Offline"
    assert number["voice_url"] == f"{base}/twilio/voice/inbound"


async def test_the_second_run_writes_nothing(
    phones: Telephony, sdk: Client, settings: TwilioSettings, number: dict[str, Any]
) -> None:
    text = CENTRE.replace("[workers.ben]", "[workers.ben]\ncalls = 2")
    first = await provisioner(sdk, settings, text).run()
    assert first.changes
    phones.forget_requests()
    for is_dry_run in (False, True):
        again = await provisioner(sdk, settings, text, is_dry_run).run()
        assert again.changes == []
        assert (again.workspace_sid, again.workflow_sid) == (
            first.workspace_sid,
            first.workflow_sid,
        )
    assert writes(phones) == []


async def test_a_dry_run_of_an_empty_account_writes_nothing(
    phones: Telephony, sdk: Client, settings: TwilioSettings, number: dict[str, Any]
) -> None:
    done = await provisioner(sdk, settings, EXAMPLE.read_text(), is_dry_run=True).run()
    text = described(done.changes)
    assert writes(phones) == []
    assert phones.runtime.network.taskrouter.workspaces == {}
    assert number["voice_url"] == "http://old.example/voice"
    assert "workspace Handover: new" in text
    assert "  - voice url: http://old.example/voice" in text
    assert '"queue": "queue Support"' in text, "queues are shown by their names"


async def test_what_differs_is_shown_and_changed_and_nothing_else(
    phones: Telephony, sdk: Client, settings: TwilioSettings, number: dict[str, Any]
) -> None:
    await provisioner(sdk, settings).run()
    space = space_of(phones)
    with phones.runtime.act() as network:
        anna = next(w for w in space.workers.values() if w.name == "anna")
        anna.attributes |= {"desk": 7}
        anna.attributes_text = json.dumps(anna.attributes)
        rest = network.taskrouter.rest
        rest.queues.create(space.sid, Form.of({"FriendlyName": "Other"}))
    changed = (
        CENTRE.replace('["support", "german"]', '["support"]')
        .replace('skills HAS "sales"', 'skills HAS "closing"')
        .replace("timeout_seconds = 120", "timeout_seconds = 90")
    )
    phones.forget_requests()
    dry = await provisioner(sdk, settings, changed, is_dry_run=True).run()
    assert writes(phones) == []
    done = await provisioner(sdk, settings, changed).run()
    assert described(dry.changes) == described(done.changes)
    assert [(c.kind, c.name, c.is_new) for c in done.changes] == [
        ("queue", "Sales", False),
        ("workflow", "Handover", False),
        ("worker", "anna", False),
    ]
    assert writes(phones) == ["task_queues.update", "workflows.update", "workers.update"]
    assert anna.attributes == {"contact_uri": "client:anna", "skills": ["support"], "desk": 7}
    assert anna.activity.name == "Available", "a worker's activity is the worker's own"
    assert done.left_alone == ["queue Other"]
    text = described(done.changes)
    assert '  - target workers: skills HAS "sales"' in text
    assert '  + target workers: skills HAS "closing"' in text
    assert '"timeout": 120' in text
    assert '"timeout": 90' in text


async def test_a_run_that_broke_off_is_finished_by_the_next(
    phones: Telephony, sdk: Client, settings: TwilioSettings, number: dict[str, Any]
) -> None:
    broken = provisioner(sdk, settings)
    with (
        phones.fault("workflows.create", "reset_after"),
        pytest.raises(ProvisionError, match="workflow Handover: no answer"),
    ):
        await broken.run()
    assert "queue" in {change.kind for change in broken.done.changes}
    await provisioner(sdk, settings).run()
    assert len(space_of(phones).workflows) == 1
    assert len(space_of(phones).queues) == 4


async def test_a_named_workspace_is_taken_whatever_its_name(
    phones: Telephony, sdk: Client, settings: TwilioSettings
) -> None:
    with phones.runtime.act() as network:
        rest = network.taskrouter.rest
        made = rest.workspaces.create(Form.of({"FriendlyName": "Old", "MultiTaskEnabled": "false"}))
    named = settings.model_copy(update={"twilio_workspace_sid": made["sid"]})
    done = await provisioner(sdk, named).run(is_number_set=False)
    assert done.workspace_sid == made["sid"]
    space = space_of(phones)
    assert (space.name, space.multi_task) == ("Old", False), "that cannot be undone"


async def test_faults_of_the_account_are_told_in_words(
    phones: Telephony, sdk: Client, settings: TwilioSettings
) -> None:
    with pytest.raises(ProvisionError, match="does not own TWILIO_NUMBER"):
        await provisioner(sdk, settings).run()
    wrong = CENTRE + "\n[activities]\nAvailable = false\n"
    with pytest.raises(ProvisionError, match="activity Available: available is true"):
        await provisioner(sdk, settings, wrong).run()
    with pytest.raises(ProvisionError, match="queue Sales: HTTP 400, code 20001"):
        await provisioner(sdk, settings, CENTRE.replace("skills HAS", "skills NEAR")).run()
    nowhere = settings.model_copy(update={"twilio_workspace_sid": "WS" + "f" * 32})
    with pytest.raises(ProvisionError, match=r"workspace WSf+: HTTP 404"):
        await provisioner(sdk, nowhere).run()
    with phones.runtime.act() as network:
        network.taskrouter.rest.workspaces.create(Form.of({"FriendlyName": "Handover"}))
    with pytest.raises(ProvisionError, match="2 workspaces named Handover"):
        await provisioner(sdk, settings).run()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[queues", "is not TOML"),
        ("[queue.Support]", "queue: Extra inputs"),
        ("[queues.Everyone]", "made by themselves"),
        ("[queues.A]\n[queues.a]", "case alone"),
        ("[queues.'a\"b']", "quote"),
        ("[queues.A]\nworkers = '1==1'\nskills = ['x']", "queues.A: say workers or skills"),
        ("[queues.A]\ntimeout_seconds = 9", "belong together"),
        ("[queues.A]\ntimeout_seconds = 9\noverflow = 'B'", "queues.A.overflow: there is no"),
        ("[workflow]\ndefault_queue = 'B'", "workflow.default_queue: there is no queue 'B'"),
        ("[workers.a]", "workers.a.contact_uri: Field required"),
        ("[workers.a]\ncontact_uri = 'anna'", "workers.a.contact_uri: must be client:"),
        ("[workers.a]\ncontact_uri = 'client:a'\nactivity = 'Lunch'", "no activity 'Lunch'"),
    ],
)
def test_faults_of_the_file_name_their_place(text: str, told: str) -> None:
    with pytest.raises(FileError) as raised:
        parse(text)
    assert told in str(raised.value)


def test_the_example_is_a_file_that_can_be_used() -> None:
    wanted = parse(EXAMPLE.read_text(encoding="utf-8"))
    assert wanted.queues
    assert wanted.workers


async def test_the_command_prints_the_settings(
    phones: Telephony, settings: TwilioSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await provision(settings, parse(CENTRE), False, is_number_set=False) == OK
    space = space_of(phones)
    (workflow,) = space.workflows
    told = capsys.readouterr().out
    for line in (
        "HANDOVER_MODE=taskrouter",
        f"TWILIO_WORKSPACE_SID={space.sid}",
        f"TWILIO_WORKFLOW_SID={workflow}",
    ):
        assert line in told.splitlines()
    assert await provision(settings, parse(CENTRE), False, is_number_set=False) == OK
    assert "Everything is as the file says." in capsys.readouterr().out
    assert await provision(settings, parse(CENTRE), True) == REFUSED
    assert "--without-number" in capsys.readouterr().err


def test_the_command_tells_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)
    assert main(["handover.toml"]) == 2
    assert "TWILIO_ACCOUNT_SID is not set" in capsys.readouterr().err


# --- where the workflow's filters lead ----------------------------------------------------------


async def routed(centre: Centre, **handover: Any) -> tuple[str, str]:
    """Queue and worker that a task with this wish gets."""
    given = CreateTaskInput(LABEL, wishes(**handover), 60)
    task = centre.task((await attempt(centre.tasks.create_task, given)).task_sid)
    workers = [each.worker.name for each in task.reservations.values()]
    return task.queue.name if task.queue else "", workers[0] if workers else ""


async def test_a_named_worker_is_who_gets_it(centre: Centre) -> None:
    assert await routed(centre, requested_worker="anna") == ("Everyone", "anna")


async def test_a_worker_may_be_named_by_sid(centre: Centre) -> None:
    sid = centre.worker("anna").sid
    assert await routed(centre, requested_worker=sid) == ("Everyone", "anna")


async def test_a_worker_who_is_away_is_waited_for_and_nobody_else_gets_it(centre: Centre) -> None:
    assert await routed(centre, requested_worker="ben") == ("Everyone", "")


@pytest.mark.parametrize("wish", [{"requested_worker": "eve"}, {"requested_queue": "Nowhere"}])
async def test_whoever_cannot_be_had_is_not_replaced_by_another(
    centre: Centre, wish: dict[str, str]
) -> None:
    assert await routed(centre, **wish) == ("Nobody", "")


async def test_a_queue_named_beside_takes_over_for_a_worker_who_is_away(centre: Centre) -> None:
    found = await routed(centre, requested_worker="ben", requested_queue="Support")
    assert found == ("Support", "anna")


async def test_a_worker_comes_before_the_queue_named_beside(centre: Centre) -> None:
    centre.goes("ben", "Available")
    found = await routed(centre, requested_worker="ben", requested_queue="Support")
    assert found == ("Everyone", "ben")


async def test_a_named_queue_is_where_it_goes(centre: Centre) -> None:
    centre.goes("ben", "Available")
    assert await routed(centre, requested_queue="Sales") == ("Sales", "ben")


@pytest.mark.parametrize(
    ("skills", "worker"),
    [(["german"], "anna"), (["german", "support"], "anna"), (["german", "sales"], "")],
)
async def test_every_skill_is_needed(centre: Centre, skills: list[str], worker: str) -> None:
    centre.goes("ben", "Available")
    assert await routed(centre, skills=skills) == ("Everyone", worker)
    centre.happens("tasks.cancel", centre.all_tasks[0], "done")
    found = await routed(centre, requested_queue="Support", skills=skills)
    assert found == ("Support", worker)


async def test_a_task_that_asks_for_nothing_goes_to_the_default_queue(centre: Centre) -> None:
    assert await routed(centre) == ("Support", "anna")


async def test_a_task_of_another_application_goes_to_the_default_queue(centre: Centre) -> None:
    with centre.phones.runtime.act() as network:
        form = {"Attributes": '{"type": "call"}', "WorkflowSid": next(iter(centre.space.workflows))}
        made = network.taskrouter.rest.tasks.create(centre.space.sid, Form.of(form))
    queue = centre.task(made["sid"]).queue
    assert queue is not None
    assert queue.name == "Support"
