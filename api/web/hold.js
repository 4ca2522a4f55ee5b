// The agent page's hold: button, timer, and what a click does. Loaded before agent.js, whose `ask`,
// `tell`, `draw` and `newKey` it uses.
"use strict";

// While a transfer lives, it holds the caller by itself.
function drawHold(card, transfer) {
  const box = card.root.querySelector(".holder");
  const hold = card.item.hold;
  box.hidden = transfer !== null || card.item.is_over;
  const button = box.querySelector("button");
  button.textContent = hold ? "Resume" : "Hold";
  button.dataset.verb = hold ? "resume" : "hold";
  button.disabled = Boolean(hold) && !hold.allowed.includes("resume");
  button.onclick = () => holdOrResume(card, button);
  drawTimer(card);
}

function drawTimer(card) {
  const hold = card.item.hold;
  const note = card.root.querySelector(".holder span");
  note.className = hold?.is_reminded ? "late" : "";
  if (!hold?.is_held) {
    note.textContent = hold ? "Not on hold yet." : "";
    return;
  }
  const now = Date.now() / 1000;
  const seconds = hold.hold_seconds + Math.max(0, now - card.holdReadAt);
  const left = hold.limit_at - hold.at - (now - card.holdReadAt);
  const then = hold.at_limit === "resume" ? "back with the agent" : "sent to the mailbox";
  note.textContent = `On hold for ${minutes(seconds)}; ${then} in ${minutes(left)}.`;
}

function minutes(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

async function holdOrResume(card, button) {
  const sid = card.item.conference_sid;
  const verb = button.dataset.verb;
  button.disabled = true;
  tell(card, null);
  // The key stays the same until the engine has answered: a hold that got lost is not begun twice.
  card.holdKey ??= newKey();
  try {
    const hold = await ask("POST", `/v1/calls/${sid}/${verb}`, null, {
      "Idempotency-Key": card.holdKey,
    });
    card.holdKey = null;
    take(card, { ...card.item, hold: hold.is_over ? null : hold });
  } catch (problem) {
    if (problem.status >= 400 && problem.status < 500) card.holdKey = null;
    tell(card, problem);
  }
  card.shown = "";
  draw(card);
  button.blur();
}

// What was read of a call, and when: between two reads the timer of a hold goes on by itself.
function take(card, item) {
  card.item = item;
  card.holdReadAt = Date.now() / 1000;
}
