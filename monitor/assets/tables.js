// The tables of the page: what goes into which cell.
import { byId, rows } from "/assets/dom.js";
import { batchTime, bytes, cut, duration, number, rate } from "/assets/format.js";
import { unprocessed } from "/assets/queues.js";

const figure = (text) => ({ text, className: "number" });
const body = (table) => byId(table).tBodies[0];

/** An error: its beginning, and all of it when that is opened. */
export function failure(text, className = "long") {
  if (!text) return { text: "" };
  return text.length > 160 || text.includes("\n")
    ? { text: cut(text.split("\n")[0], 160), details: text, className }
    : { text, className: `${className} failure` };
}

const link = (batch) => ({ text: batchTime(batch.batchId, batch.batchDuration), href: `/batch?id=${batch.batchId}`, head: true });

/** Output operations that ended well, of all of them. */
const outputs = (batch) => `${batch.numCompletedOutputOps}/${batch.numTotalOutputOps}${batch.numFailedOutputOps ? ` (${batch.numFailedOutputOps} failed)` : ""}`;

export function active(batches) {
  rows(body("active-table"), batches, (batch) => batch.batchId, (batch) => ({
    cells: [
      link(batch), figure(number(batch.inputSize)), figure(duration(batch.schedulingDelay)), figure(duration(batch.processingTime)),
      outputs(batch), batch.status === "QUEUED" ? "queued" : "processing",
    ],
  }), "No batch waits, none is worked on.");
}

export function completed(batches) {
  rows(body("completed-table"), batches, (batch) => batch.batchId, (batch) => {
    const failed = batch.firstFailureReason !== null;
    return {
      className: failed ? "failed" : "",
      cells: [
        link(batch), figure(number(batch.inputSize)), figure(duration(batch.schedulingDelay)), figure(duration(batch.processingTime)),
        figure(duration(batch.totalDelay)), outputs(batch),
        failed ? failure(`failed: ${batch.firstFailureReason}`) : { text: "succeeded", className: "long" },
      ],
    };
  }, "No batch has been completed yet.");
}

/** When a stream's last error was, here. */
const errorTime = ({ lastErrorTime }) => batchTime(Date.parse(lastErrorTime.replace("GMT", "Z")), 1000);

export function receivers(streams) {
  const status = (stream) => (stream.isActive === null ? "no receiver" : stream.isActive ? "ACTIVE" : "INACTIVE");
  rows(body("receiver-table"), streams, (stream) => stream.streamId, (stream) => ({
    className: stream.isActive === false && stream.lastError ? "failed" : "",
    cells: [
      { text: stream.streamName, head: true }, status(stream), figure(rate(stream.eventRate)), figure(rate(stream.avgEventRate)), figure(rate(stream.rateLimit)),
      figure(number(unprocessed(stream))),
      figure(number(stream.numSpilledRecords)), figure(number(stream.numShedRecords)),
      figure(number(stream.numStarts)), figure(number(stream.numErrors)),
      stream.lastError ? failure(`${errorTime(stream)}: ${stream.lastError}`) : { text: "", className: "long" },
    ],
  }), "The program has no input stream.");
}

export function operators(all) {
  const name = (id) => all.find((operator) => operator.operatorId === id)?.name ?? "";
  rows(body("operator-table"), all, (operator) => operator.operatorId, (operator) => ({
    cells: [
      { text: operator.kind === "dataset" ? `${operator.name} (on datasets)` : operator.name, head: true }, operator.definedBy,
      operator.inputs.map(name).join(", "), figure(rate(operator.recordRate)), figure(number(operator.records)),
      figure(`${number(operator.busyShare * 100, 1)} %`), figure(duration(operator.busyNanos / 1e6)), figure(number(operator.numShuffles)),
    ],
  }), "The program has no operators.");
}

export function states(state) {
  rows(body("state-table"), state.operators, (operator) => operator.name, (operator) => ({
    cells: [{ text: operator.name, head: true }, figure(number(operator.numKeys)), figure(bytes(operator.lastCommitBytes)), figure(bytes(operator.writtenBytes))],
  }), "No operator keeps state.");
}
