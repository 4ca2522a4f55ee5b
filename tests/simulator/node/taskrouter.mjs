// Drives TaskRouter of the simulator with Twilio's official Node SDK; one line of JSON comes out.
import twilio from "twilio";

const [, , base, accountSid, authToken, number] = process.argv;

class SimulatorClient extends twilio.RequestClient {
  request(options) {
    return super.request({
      ...options,
      uri: options.uri.replace("https://taskrouter.twilio.com", base),
    });
  }
}

const client = twilio(accountSid, authToken, { httpClient: new SimulatorClient() });
const made = await client.taskrouter.v1.workspaces.create({ friendlyName: "node", template: "FIFO" });
const space = client.taskrouter.v1.workspaces(made.sid);
const [flow] = await space.workflows.list();
const [available] = await space.activities.list({ available: "true" });
const worker = await space.workers.create({ friendlyName: "bob", activitySid: available.sid });
for (let n = 0; n < 3; n += 1) {
  await space.tasks.create({ workflowSid: flow.sid, attributes: JSON.stringify({ n }) });
}
const tasks = await space.tasks.list({ pageSize: 1 });
const [reservation] = await space.workers(worker.sid).reservations.list();
const own = space.tasks(tasks[0].sid).reservations(reservation.sid);
const called = await own.update({
  instruction: "call",
  callFrom: number,
  callTo: "client:bob",
  callUrl: "http://127.0.0.1:9/agent",
});
const accepted = await own.update({ reservationStatus: "accepted" });
const end = { assignmentStatus: "completed", reason: "done" };
const done = await space.tasks(tasks[0].sid).update(end);
const failure = (promise) => promise.then(() => null, (error) => error);
const twice = await failure(space.tasks(tasks[0].sid).update(end));
const stale = await failure(space.tasks(tasks[1].sid).update({ priority: 1, ifMatch: '"99"' }));
const [queue] = await space.taskQueues.list();
const now = await space.taskQueues(queue.sid).realTimeStatistics().fetch();

console.log(
  JSON.stringify({
    workspace: made.friendlyName,
    tasks: tasks.map((task) => JSON.parse(task.attributes).n),
    reservation: called.reservationStatus,
    accepted: accepted.reservationStatus,
    completed: [done.assignmentStatus, done.reason],
    twice: [twice.status, twice.code],
    stale: stale.status,
    waiting: now.totalTasks,
    removed: await space.remove(),
  }),
);
