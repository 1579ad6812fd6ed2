//! Whether what was sent in one piece is there in one piece.

use super::{Batches, Findings};
use crate::feeder::Fed;
use crate::subject::{Delivery, Source};
use std::collections::{BTreeMap, BTreeSet};

/// What an attempt sent is in one batch, all of it and in its order, or in none.
pub(super) fn compare(fed: &Fed, records: &Batches<Delivery>, findings: &mut Findings) {
    let mut found: BTreeMap<u32, (BTreeSet<u64>, Vec<u64>)> = BTreeMap::new();
    for (batch, record) in records.iter().flat_map(|(batch, all)| all.iter().map(move |one| (batch, one))) {
        if let Source::Connection(attempt) = record.source {
            let (batches, numbers) = found.entry(attempt).or_default();
            batches.insert(*batch);
            numbers.push(record.number);
        }
    }
    for (attempt, (batches, numbers)) in found {
        let sent = (attempt as usize).checked_sub(1).and_then(|place| fed.sent.get(place)).cloned().unwrap_or_default();
        if batches.len() > 1 || !sent.clone().eq(numbers.iter().copied()) {
            findings.wrong(format!(
                "attempt {attempt} sent {sent:?} in one piece, and of them {numbers:?} are in the batches {batches:?}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(records: &[(u64, &[(u32, u64)])]) -> Findings {
        let received =
            |all: &[(u32, u64)]| all.iter().map(|(from, number)| Delivery::received(*from, *number)).collect();
        let records = records.iter().map(|(batch, all)| (*batch, received(all))).collect();
        let mut findings = Findings::default();
        compare(&Fed { sent: vec![0..3, 3..5, 0..3] }, &records, &mut findings);
        findings
    }

    #[test]
    fn what_was_sent_in_one_piece_is_in_one_batch_or_in_none() {
        assert!(compared(&[]).is_clean());
        assert!(compared(&[(1, &[(2, 3), (1, 0), (1, 1), (2, 4), (1, 2)])]).is_clean());
        assert!(compared(&[(1, &[(2, 3), (2, 4)]), (2, &[(3, 0), (3, 1), (3, 2)])]).is_clean());
    }

    #[test]
    fn what_is_missing_apart_twice_or_out_of_order_is_told() {
        type Case = (&'static [(u64, &'static [(u32, u64)])], &'static str);
        let cases: [Case; 5] = [
            (&[(1, &[(1, 0), (1, 2)])], "attempt 1 sent 0..3 in one piece, and of them [0, 2] are in the batches {1}"),
            (
                &[(1, &[(2, 3)]), (2, &[(2, 4)])],
                "attempt 2 sent 3..5 in one piece, and of them [3, 4] are in the batches {1, 2}",
            ),
            (&[(1, &[(2, 3), (2, 4), (2, 4)])], "and of them [3, 4, 4] are in the batches {1}"),
            (&[(1, &[(2, 4), (2, 3)])], "and of them [4, 3] are in the batches {1}"),
            (&[(1, &[(9, 3)])], "attempt 9 sent 0..0"),
        ];
        for (records, told) in cases {
            let findings = compared(records);
            assert!(findings.wrong == 1 && findings.to_string().contains(told), "{findings}");
        }
    }
}
