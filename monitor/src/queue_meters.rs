//! The metrics of what waits: gauges that are read when they are asked for.

use crate::shared::Depths;
use crate::store::Progress;
use metrics::{Unit, gauge};
use waterwheel_runtime::depths::StreamDepth;
use waterwheel_runtime::flow::Amount;

/// As those of [`meters`](crate::meters).
pub(crate) const DESCRIBED: &[(&str, bool, Unit, &str)] = &[
    (
        "waterwheel_stream_intake_blocks",
        false,
        Unit::Count,
        "blocks of the stream on their way from its receiver to the ledger; the one that is being filled is one of them",
    ),
    ("waterwheel_stream_intake_records", false, Unit::Count, "records in those blocks"),
    ("waterwheel_stream_intake_bytes", false, Unit::Bytes, "bytes of those records"),
    (
        "waterwheel_stream_waiting_blocks",
        false,
        Unit::Count,
        "blocks of the stream in the ledger that no batch has taken, those that were spilled included",
    ),
    ("waterwheel_stream_waiting_records", false, Unit::Count, "records in those blocks"),
    ("waterwheel_stream_waiting_bytes", false, Unit::Bytes, "bytes of those records"),
    ("waterwheel_stream_allocated_blocks", false, Unit::Count, "blocks of the stream in batches that are not done"),
    ("waterwheel_stream_allocated_records", false, Unit::Count, "records in those blocks"),
    ("waterwheel_stream_allocated_bytes", false, Unit::Bytes, "bytes of those records"),
    (
        "waterwheel_receiver_pending_memory_bytes",
        false,
        Unit::Bytes,
        "what the stream holds of receiver.max_pending, wherever it waits",
    ),
    (
        "waterwheel_receiver_pending_file_bytes",
        false,
        Unit::Bytes,
        "what the stream holds of receiver.max_spill, wherever it waits",
    ),
    (
        "waterwheel_receiver_mailbox_messages",
        false,
        Unit::Count,
        "messages that wait for the actor of the stream and for its workers",
    ),
    (
        "waterwheel_waiting_tasks",
        false,
        Unit::Count,
        "tasks that could run and for which no worker has room, over all programs of the engine",
    ),
    ("waterwheel_assigned_tasks", false, Unit::Count, "tasks that workers have, over all programs of the engine"),
    (
        "waterwheel_mailbox_messages",
        false,
        Unit::Count,
        "messages that wait in the mailbox of the actor, or for a place in it",
    ),
    ("waterwheel_mailbox_capacity_messages", false, Unit::Count, "messages that have a place in it"),
];

/// Sets the gauges to what was seen.
pub(crate) fn set(progress: &Progress, depths: &Depths) {
    for (stream, row) in progress.streams.iter() {
        let Some(StreamDepth { intake, ledger }) = depths.context.streams.get(&stream) else { continue };
        let labels = [("stream_id", stream.0.to_string()), ("stream", row.name.clone())];
        for (place, amount) in
            [("intake", intake.waiting), ("waiting", ledger.waiting), ("allocated", ledger.allocated)]
        {
            let Amount { blocks, records, bytes } = amount;
            for (what, count) in [("blocks", blocks), ("records", records), ("bytes", bytes)] {
                gauge!(format!("waterwheel_stream_{place}_{what}"), &labels).set(count as f64);
            }
        }
        gauge!("waterwheel_receiver_pending_memory_bytes", &labels).set(intake.memory_bytes as f64);
        gauge!("waterwheel_receiver_pending_file_bytes", &labels).set(intake.file_bytes as f64);
        if let Some(messages) = intake.mailbox {
            gauge!("waterwheel_receiver_mailbox_messages", &labels).set(messages as f64);
        }
    }
    gauge!("waterwheel_waiting_tasks").set(depths.engine.waiting_tasks as f64);
    gauge!("waterwheel_assigned_tasks").set(depths.engine.assigned_tasks as f64);
    for mailbox in depths.context.mailboxes.iter().chain(&depths.engine.mailboxes) {
        let labels = [("actor", mailbox.actor)];
        gauge!("waterwheel_mailbox_messages", &labels).set(mailbox.messages as f64);
        gauge!("waterwheel_mailbox_capacity_messages", &labels).set(mailbox.capacity as f64);
    }
}
