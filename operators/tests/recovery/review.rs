use crate::source::Numbers;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;
use waterwheel_runtime::durable::*;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

#[test]
fn rv_going_back_keeps_state() {
    let storage = MemoryStorage::default();
    let old = |begin: i64| {
        let theirs = storage.clone();
        let (mut test, probe) = TestRun::new().begin(t(begin)).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let n = ssc.replayable_stream(Numbers::new(1).0).named("numbers").map(|n| ((), n));
            n.update_state_by_key(|new: &[u64], s: Option<u64>| Some(s.unwrap_or(0) + new.len() as u64)).named("sums").probe()
        }).unwrap();
        test.advance(2).unwrap();
        test.stop().unwrap();
        probe.datasets().pop().unwrap()
    };
    assert_eq!(old(0), [((), 2)]);
    let theirs = storage.clone();
    let (test, _) = TestRun::new().begin(t(2)).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(theirs));
        ssc.replayable_stream(Numbers::new(1).0).named("numbers").probe()
    }).unwrap();
    drop(test); // not one batch
    assert_eq!(old(2), [((), 4)]);
}

#[test]
fn rv_inverse_is_recomputed_after_a_pause() {
    let storage = MemoryStorage::default();
    let start = |begin: Time| {
        let theirs = storage.clone();
        TestRun::new().begin(begin).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let n = ssc.replayable_stream(Numbers::new(1).0).named("numbers").map(|n| ((), n + 1));
            let a = n.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(6), seconds(3));
            let b = n.reduce_by_key_and_window(|a, b| a + b, seconds(6), seconds(3));
            (a.probe(), b.probe())
        }).unwrap()
    };
    let (mut first, (a, b)) = start(t(0));
    first.advance(4).unwrap();
    assert_eq!(a.timed(), b.timed());
    first.stop().unwrap();
    let (mut second, (a, b)) = start(Time::from_millis(7_500));
    second.jump(1).unwrap();
    second.advance(1).unwrap();
    second.stop().unwrap();
    println!("inverse {:?}\nrecomputed {:?}", a.timed(), b.timed());
    assert_eq!(a.timed(), b.timed());
}

#[test]
fn rv_tumbling_after_a_pause_loses_nothing() {
    let storage = MemoryStorage::default();
    let start = |begin: Time| {
        let theirs = storage.clone();
        TestRun::new().begin(begin).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            ssc.replayable_stream(Numbers::new(1).0).named("numbers").window(seconds(3), seconds(3)).probe()
        }).unwrap()
    };
    let (mut first, a) = start(t(0));
    first.advance(5).unwrap();
    first.stop().unwrap();
    let (mut second, b) = start(Time::from_millis(7_500));
    second.jump(1).unwrap();
    second.advance(1).unwrap();
    second.stop().unwrap();
    let all: Vec<u64> = a.datasets().into_iter().chain(b.datasets()).flatten().collect();
    println!("{:?} {:?}", a.timed(), b.timed());
    assert_eq!(all, (0..all.len() as u64).collect::<Vec<_>>());
}

struct Once<T> {
    chunks: Arc<Mutex<Vec<Vec<T>>>>,
    stored: Arc<AtomicBool>,
}
impl<T: Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static> Receiver for Once<T> {
    type Record = T;
    async fn run(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let chunks = std::mem::take(&mut *self.chunks.lock().unwrap());
        for chunk in chunks {
            handle.store_reliably(chunk).await?;
        }
        self.stored.store(true, Ordering::SeqCst);
        handle.stopped().await;
        Ok(())
    }
}

fn recv<T: Record + Clone>(storage: &MemoryStorage, chunks: Vec<Vec<T>>, log: bool, advance: u64) -> Result<Vec<Vec<T>>, String> {
    let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
    let flag = stored.clone();
    let chunks = Arc::new(Mutex::new(chunks));
    let (mut test, probe) = TestRun::new().begin(t(0)).configure(|mut c: Config| {
        c.receiver.block_log = log;
        c.with_block_max_bytes(waterwheel_runtime::config::ByteSize(1))
    }).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(theirs));
        ssc.receiver_stream("r", StorageLevel::MemoryOnly, move || Once { chunks: chunks.clone(), stored: flag.clone() }).named("r").probe()
    }).map_err(|e| e.to_string())?;
    test.wait_until("stored", || stored.load(Ordering::SeqCst)).map_err(|e| e.to_string())?;
    if advance > 0 {
        test.advance(advance).map_err(|e| e.to_string())?;
    }
    drop(test);
    Ok(probe.datasets())
}

#[test]
fn rv_block_log_turned_off_still_reads_what_is_there() {
    let storage = MemoryStorage::default();
    recv(&storage, vec![vec![1_u32, 2]], true, 0).unwrap();
    assert_eq!(recv::<u32>(&storage, vec![], false, 1), Ok(vec![vec![1, 2]]));
}

#[test]
fn rv_records_of_another_type_are_refused() {
    let storage = MemoryStorage::default();
    recv(&storage, vec![vec![1_u32, 2, 3]], true, 0).unwrap();
    let got = recv::<i32>(&storage, vec![], true, 1);
    println!("{got:?}");
    assert!(got.is_err() || got == Ok(vec![vec![1, 2, 3]]), "{got:?}");
}

/// A disk that takes its time.
struct Slow(MemoryStorage);
impl Storage for Slow {
    fn write(&self, changes: &[Change], durability: Durability) -> Result<(), StorageError> {
        std::thread::sleep(Duration::from_millis(150));
        self.0.write(changes, durability)
    }
    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> { self.0.get(table, key) }
    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> { self.0.scan(table, prefix, each) }
    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError> { self.0.state_tables() }
    fn drop_state(&self, operator: &str) -> Result<(), StorageError> { self.0.drop_state(operator) }
}

struct Fed(Arc<Mutex<Option<tokio::sync::mpsc::Receiver<std::sync::mpsc::Sender<()>>>>>);
impl Receiver for Fed {
    type Record = u32;
    async fn run(&mut self, handle: ReceiverHandle<u32>) -> Result<(), ReceiverError> {
        let mut asked = self.0.lock().unwrap().take().unwrap();
        while let Some(ack) = asked.recv().await {
            handle.store_reliably(vec![7]).await?;
            let _ = ack.send(());
        }
        Ok(())
    }
}

#[test]
fn rv_control_thread_is_not_held_by_a_users_update() {
    let (ask, asked) = tokio::sync::mpsc::channel(8);
    let asked = Arc::new(Mutex::new(Some(asked)));
    let seen: Arc<Mutex<Vec<(i64, bool, Duration)>>> = Arc::default();
    let noted = seen.clone();
    let (mut test, _) = TestRun::new().begin(t(0)).configure(|c: Config| c.with_block_max_bytes(waterwheel_runtime::config::ByteSize(1))).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(Slow(MemoryStorage::default())));
        ssc.receiver_stream("fed", StorageLevel::MemoryOnly, move || Fed(asked.clone())).named("fed").foreach_rdd(|_| Ok::<(), std::io::Error>(()));
        let n = ssc.replayable_stream(Numbers::new(1).0).named("numbers").map(|n| ((), n));
        n.update_state_by_key_with_time(move |time, _: &(), new: &[u64], s: Option<u64>| {
            let (ack, acked) = std::sync::mpsc::channel();
            let begin = std::time::Instant::now();
            ask.try_send(ack).unwrap();
            let ok = acked.recv_timeout(Duration::from_secs(4)).is_ok();
            noted.lock().unwrap().push((time.millis(), ok, begin.elapsed()));
            Some(s.unwrap_or(0) + new.len() as u64)
        }, 1, None).named("sums").probe()
    }).unwrap();
    test.jump(3).unwrap();
    test.stop().unwrap();
    println!("{:?}", seen.lock().unwrap());
    assert!(seen.lock().unwrap().iter().all(|(_, ok, _)| *ok), "{:?}", seen.lock().unwrap());
}
