//! Deaths of a program whose records come by way of actors, of remote actors, or by HTTP, wherever something becomes durable and at
//! any time; `make chaos SOURCE=...` has many, at random places.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use waterwheel_chaos::death::Death;
use waterwheel_chaos::source::Source;
use waterwheel_chaos::subject::pipeline::Home;
use waterwheel_chaos::trial::{Died, Report, Trial, scratch};

/// What times and loads are drawn from.
const SEED: u64 = 20_261_128;

/// So few that a slow machine does not spend its time on them.
const RATE: u64 = 1000;

/// Between what is stored and who is told of it; each run goes on where the last one died.
const POINTS: [&str; 9] = [
    "receiver.after_put=kill@3",
    "log.after_block=kill@4",
    "receiver.after_add=kill@5",
    "log.before_append=kill@6",
    "keeper.before_write=kill@9",
    "log.after_append=kill@5",
    "tracker.after_log=abort@4",
    "receiver.before_put=kill@6",
    "scheduler.before_commit=kill@2",
];

/// Deaths at any time.
const TIMES: usize = 4;
/// Ends at any time that the program was asked for, while it is fed.
const STOPS: usize = 2;

fn killed(source: Source) -> Report {
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    let mut deaths: Vec<Death> = POINTS.iter().map(|order| Death::At(order.parse().unwrap())).collect();
    for number in 0..TIMES + STOPS {
        let time = Duration::from_millis(random.random_range(0..900));
        let death = if number < TIMES { Death::After(time) } else { Death::Asked(time) };
        deaths.insert(random.random_range(0..=deaths.len()), death);
    }
    let home = scratch().unwrap();
    let trial = Trial {
        program: env!("CARGO_BIN_EXE_chaos_subject").into(),
        home: Home::new(home.path()),
        source,
        seed: SEED,
        deaths,
        rate: RATE,
        skipping: false,
    };
    let report = trial.run().unwrap_or_else(|error| panic!("{source}: {error}"));
    assert!(report.findings.is_clean() && report.findings.records > 0, "{:?}: {}", report.died, report.findings);
    // A machine that is too slow to come to a point in time has killed the program elsewhere; one that comes to none tests nothing.
    assert!(report.died.contains(&Died::AsOrdered), "{:?}", report.died);
    report
}

/// N-9
#[test]
fn what_an_actor_acknowledged_is_there_and_with_positions_once_however_often_the_program_is_killed() {
    killed(Source::Actor);
}

/// M-3, M-8
#[test]
fn what_remote_actors_acknowledged_is_there_and_with_positions_once_however_often_the_program_is_killed() {
    killed(Source::Remote);
}

/// H-7
#[test]
fn what_was_answered_as_stored_is_there_in_one_piece_however_often_the_program_is_killed() {
    killed(Source::Http);
}
