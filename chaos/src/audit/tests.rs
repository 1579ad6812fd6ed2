//! An audit that finds nothing in outputs that are right, and finds every single fault in outputs that are not.

use super::*;
use crate::feeder::Fed;
use crate::subject::pipeline::WINDOW;

/// Two connections, the second resends 3 and 4; a batch every 400 ms, so that the third sees the first leave the window. Of what is
/// redelivered 1 and 2 were sent on two connections, and are there once.
fn right() -> (Sent, Outputs) {
    assert_eq!(WINDOW.as_millis(), 800);
    let sent = Sent { fed: Fed { sent: vec![0..5, 3..8] }, again: Fed { sent: vec![0..3, 1..4] }, whole: false };
    let connection = |connection, numbers: std::ops::Range<u64>| {
        numbers.map(move |number| Delivery::received(connection, number)).collect::<Vec<_>>()
    };
    let replay = |numbers: std::ops::Range<u64>| numbers.map(Delivery::replayed).collect::<Vec<_>>();
    let again = |numbers: std::ops::Range<u64>| numbers.map(Delivery::again).collect::<Vec<_>>();
    let records: Batches<Delivery> = [
        (400, [connection(1, 0..5), again(0..2), replay(0..2)].concat()),
        (800, [connection(2, 3..6), again(2..4), replay(2..4)].concat()),
        (1200, connection(2, 6..8)),
        (1600, vec![]),
    ]
    .into();
    let sessions: Batches<Count> = totals(&records)
        .into_iter()
        .map(|(batch, all)| {
            (batch, all.iter().map(|total| Count { key: total.key, records: total.arrivals }).collect())
        })
        .collect();
    let (totals, windows) = (totals(&records), windows(&records));
    let outputs = Outputs { rows: records.clone(), records, totals, windows, sessions, ..Outputs::default() };
    (sent, outputs)
}

#[test]
fn outputs_that_are_right_pass() {
    let (sent, outputs) = right();
    let findings = audit(&sent, &outputs);
    assert!(findings.is_clean(), "{findings}");
    assert_eq!(findings.records, 16);
}

#[test]
fn a_session_that_is_over_counts_as_well_as_one_under_way() {
    let (sent, mut outputs) = right();
    for batch in [1200, 1600] {
        let sessions = outputs.sessions.get_mut(&batch).unwrap();
        let gone = sessions.remove(0);
        if batch == 1200 {
            outputs.sessions_over.insert(batch, vec![gone]);
        }
    }
    let findings = audit(&sent, &outputs);
    assert!(findings.is_clean(), "{findings}");
}

#[test]
fn the_window_is_half_open() {
    let records: Batches<Delivery> = [(400, vec![Delivery::replayed(0)]), (1100, vec![]), (1200, vec![])].into();
    let windows = windows(&records);
    assert_eq!(windows[&1100], [Count { key: 0, records: 1 }]);
    assert_eq!(windows[&1200], []);
}

#[test]
fn every_fault_is_found() {
    type Fault = (&'static str, fn(&mut Sent, &mut Outputs), (u64, u64), &'static str);
    let faults: &[Fault] = &[
        (
            "a record of the feeder is lost",
            |_, out| {
                out.records.get_mut(&1200).unwrap().pop();
            },
            (1, 0),
            "record 7",
        ),
        ("the last of what was sent is lost", |sent, _| sent.fed.sent[1].end += 1, (1, 0), "record 8 of the feeder"),
        (
            "an offset is lost",
            |_, out| {
                out.records.get_mut(&400).unwrap().pop();
            },
            (1, 0),
            "source with offsets",
        ),
        (
            "a record that was sent again is lost",
            |_, out| out.records.get_mut(&400).unwrap().retain(|record| *record != Delivery::again(1)),
            (1, 0),
            "record 1 of the feeder that redelivers",
        ),
        (
            "a record that was sent again is there for each time",
            |_, out| out.records.get_mut(&800).unwrap().push(Delivery::again(1)),
            (0, 1),
            "again 1 is in the files of batch 400 and of batch 800",
        ),
        (
            "a record that is redelivered was never sent",
            |_, out| out.records.get_mut(&800).unwrap().push(Delivery::again(4)),
            (0, 0),
            "again 4 of batch 800 was never sent",
        ),
        (
            "a batch is lost",
            |_, out| {
                out.records.remove(&800);
            },
            (3, 0),
            "record 5 of the feeder is in no file",
        ),
        (
            "a record is in two batches",
            |_, out| out.records.get_mut(&1600).unwrap().push(Delivery::received(1, 0)),
            (0, 1),
            "of batch 400 and of batch 1600",
        ),
        (
            "a record is in one batch twice",
            |_, out| out.records.get_mut(&400).unwrap().push(Delivery::replayed(0)),
            (0, 1),
            "of batch 400 and of batch 400",
        ),
        (
            "a record was never sent",
            |_, out| out.records.get_mut(&400).unwrap().push(Delivery::received(1, 99)),
            (0, 0),
            "1 99 of batch 400 was never sent",
        ),
        (
            "a row is missing",
            |_, out| {
                out.rows.get_mut(&800).unwrap().pop();
            },
            (0, 0),
            "SQLite of batch 800",
        ),
        (
            "a row is there twice",
            |_, out| out.rows.get_mut(&800).unwrap().push(Delivery::received(2, 3)),
            (0, 0),
            "SQLite of batch 800",
        ),
        (
            "a batch in which the output is skipped is there",
            |_, out| out.skipped = Some([(400, out.records[&400].clone())].into()),
            (0, 0),
            "skipped of batch 400",
        ),
        ("a total is off", |_, out| out.totals.get_mut(&800).unwrap()[0].sum += 1, (0, 0), "totals of batch 800"),
        (
            "a key is missing",
            |_, out| {
                out.totals.get_mut(&1600).unwrap().pop();
            },
            (0, 0),
            "totals of batch 1600",
        ),
        (
            "a window is off",
            |_, out| out.windows.get_mut(&1200).unwrap()[0].records += 1,
            (0, 0),
            "windows of batch 1200",
        ),
        ("a session is off", |_, out| out.sessions.get_mut(&1600).unwrap()[0].records -= 1, (0, 0), "sessions"),
        (
            "a session was closed and is still there",
            |_, out| {
                out.sessions_over.insert(800, vec![Count { key: 0, records: 1 }]);
            },
            (0, 0),
            "sessions",
        ),
    ];
    for (name, fault, (lost, twice), told) in faults {
        let (mut sent, mut outputs) = right();
        fault(&mut sent, &mut outputs);
        let findings = audit(&sent, &outputs);
        assert!(!findings.is_clean(), "{name}");
        assert_eq!((findings.lost, findings.twice), (*lost, *twice), "{name}: {findings}");
        assert!(findings.to_string().contains(told), "{name}: {findings}");
    }
}
