// What waits, and where.
import { byId, rows, say } from "/assets/dom.js";
import { bytes, number, several } from "/assets/format.js";

const figure = (text) => ({ text, className: "number" });
const body = (table) => byId(table).tBodies[0];

/** Records of a stream that are not processed yet, wherever they wait; `null` when no receiver feeds it. */
export function unprocessed({ intake, waiting, allocated }) {
  return intake === null ? null : intake.records + waiting.records + allocated.records;
}

/** An amount, for people. */
export function amount({ blocks, records, bytes: size }) {
  return records === 0 ? "0" : `${number(records)} in ${several(blocks, "block")}, ${bytes(size)}`;
}

export function queues(streams, { mailboxes, numWaitingBatches, numRunningBatches, numWaitingTasks, numAssignedTasks }) {
  rows(body("queue-table"), streams.filter((stream) => stream.intake !== null), (stream) => stream.streamId, (stream) => ({
    cells: [
      { text: stream.streamName, head: true }, figure(stream.numMailboxMessages === null ? "-" : several(stream.numMailboxMessages, "message")),
      figure(amount(stream.intake)), figure(amount(stream.waiting)), figure(amount(stream.allocated)),
      figure(bytes(stream.memoryBytes)), figure(bytes(stream.fileBytes)),
    ],
  }), "No receiver feeds the program.");
  rows(body("mailbox-table"), mailboxes, (mailbox) => mailbox.actor, ({ actor, messages, capacity }) => ({
    cells: [{ text: actor, head: true }, figure(number(messages)), figure(number(capacity))],
  }), "The program has not started.");
  say(byId("tasks"), `Batches: ${number(numWaitingBatches)} wait, ${number(numRunningBatches)} run. `
    + `Tasks: ${number(numWaitingTasks)} wait for a worker, ${number(numAssignedTasks)} have one.`);
}
