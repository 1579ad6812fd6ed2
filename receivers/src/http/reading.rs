//! Reading a body: within its length, its time, and the memory of all bodies together.

use super::answer::{Answer, Place};
use futures::{Stream, StreamExt};
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waterwheel_runtime::clock::SharedClock;

/// The memory that all bodies on their way share.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    free: Arc<Semaphore>,
    all: usize,
    clock: SharedClock,
    patience: Duration,
}

impl Memory {
    /// `all` bytes; whoever finds none waits for `patience`.
    pub(super) fn new(all: usize, clock: SharedClock, patience: Duration) -> Memory {
        let all = all.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Memory { free: Arc::new(Semaphore::new(all)), all, clock, patience }
    }
}

/// What one body holds of the memory.
pub(super) struct Share<'m> {
    memory: &'m Memory,
    held: Option<OwnedSemaphorePermit>,
    /// How much longer its request waits for room, of any kind.
    patience: Duration,
}

impl<'m> Share<'m> {
    pub(super) fn new(memory: &'m Memory) -> Share<'m> {
        Share { memory, held: None, patience: memory.patience }
    }

    /// How much longer its request may wait for room.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Holds `bytes` in all, or everything there is if they are more; waits for it as long as the patience of the request lasts: what
    /// was waited before counts.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), Answer> {
        if self.try_grow_to(bytes) {
            return Ok(());
        }
        let clock = &self.memory.clock;
        let began = clock.monotonic();
        let permit = tokio::select! {
            biased;
            permit = self.memory.free.clone().acquire_many_owned(self.missing(bytes)) => permit,
            () = clock.sleep(self.patience) => return Err(Answer::NoRoom(Duration::ZERO)),
        };
        self.patience = self.patience.saturating_sub(clock.monotonic().saturating_sub(began));
        self.hold(permit.map_err(|_| Answer::Stopping)?);
        Ok(())
    }

    /// As [`grow_to`](Share::grow_to), without waiting; whether it does hold them.
    pub(super) fn try_grow_to(&mut self, bytes: usize) -> bool {
        let permit = self.memory.free.clone().try_acquire_many_owned(self.missing(bytes));
        permit.map(|permit| self.hold(permit)).is_ok()
    }

    fn missing(&self, bytes: usize) -> u32 {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(bytes.min(self.memory.all).saturating_sub(held)).unwrap_or(u32::MAX)
    }

    fn hold(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
    }
}

/// What bounds a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) max_body: usize,
    pub(super) timeout: Duration,
}

/// Reads `body`, of which `announced` bytes are announced, until `stopped` completes.
pub(super) async fn read<B: AsRef<[u8]>, E: Display>(
    mut body: impl Stream<Item = Result<B, E>> + Unpin,
    announced: Option<u64>,
    limits: BodyLimits,
    share: &mut Share<'_>,
    stopped: impl Future<Output = ()>,
) -> Result<Vec<u8>, Answer> {
    let BodyLimits { max_body, timeout } = limits;
    let too_long = || Answer::TooLarge(Place::nowhere(format!("the body has more than {max_body} bytes")));
    if announced.is_some_and(|announced| announced > max_body as u64) {
        return Err(too_long());
    }
    let mut bytes: Vec<u8> = Vec::new();
    let over = share.memory.clock.sleep(timeout);
    tokio::pin!(over, stopped);
    loop {
        let chunk = tokio::select! {
            biased;
            () = &mut stopped => return Err(Answer::Stopping),
            () = &mut over => return Err(Answer::TooSlow(timeout)),
            chunk = body.next() => chunk,
        };
        let chunk = match chunk {
            None => return Ok(bytes),
            Some(Err(error)) => return Err(Answer::Malformed(Place::nowhere(format!("the body breaks off: {error}")))),
            Some(Ok(chunk)) => chunk,
        };
        let length = bytes.len() + chunk.as_ref().len();
        if length > max_body {
            return Err(too_long());
        }
        tokio::select! {
            biased;
            () = &mut stopped => return Err(Answer::Stopping),
            () = &mut over => return Err(Answer::TooSlow(timeout)),
            grown = share.grow_to(length) => grown?,
        }
        if length > bytes.capacity() {
            // Doubling, but never beyond the limit.
            let wanted = (2 * bytes.capacity()).min(max_body).max(length);
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(chunk.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::channel::mpsc::{UnboundedSender, unbounded};
    use waterwheel_runtime::clock::ManualClock;
    use waterwheel_runtime::time::{Time, milliseconds, seconds};

    const LIMITS: BodyLimits = BodyLimits { max_body: 10, timeout: Duration::from_secs(30) };
    const PATIENCE: Duration = Duration::from_secs(1);

    type Chunk = Result<&'static [u8], &'static str>;

    fn memory(all: usize) -> (Memory, ManualClock) {
        let clock = ManualClock::new(Time::ZERO);
        (Memory::new(all, Arc::new(clock.clone()), PATIENCE), clock)
    }

    /// The body of these chunks.
    fn read_all(chunks: &[Chunk], announced: Option<u64>) -> Result<Vec<u8>, Answer> {
        let (memory, _) = memory(1000);
        let mut share = Share::new(&memory);
        let body = futures::stream::iter(chunks.to_vec());
        let read = read(body, announced, LIMITS, &mut share, std::future::pending()).now_or_never();
        read.expect("nothing is waited for")
    }

    /// A body that the test sends piece by piece.
    fn piecemeal() -> (UnboundedSender<Chunk>, impl Stream<Item = Chunk> + Unpin) {
        unbounded()
    }

    #[test]
    fn chunks_are_put_together_up_to_the_limit_and_not_a_byte_more() {
        assert_eq!(read_all(&[Ok(b"12345"), Ok(b""), Ok(b"67890")], None), Ok(b"1234567890".to_vec()));
        let error = read_all(&[Ok(b"12345"), Ok(b"678901")], None).unwrap_err();
        assert_eq!(error.problem().unwrap(), "the body has more than 10 bytes");
        let error = read_all(&[Err("not read")], Some(11)).unwrap_err();
        assert_eq!(error.status().as_u16(), 413);
        let error = read_all(&[Ok(b"1"), Err("gone")], Some(10)).unwrap_err();
        assert_eq!(error.problem().unwrap(), "the body breaks off: gone");
    }

    /// A byte now and then, for ever.
    #[test]
    fn body_that_takes_longer_than_it_may_is_given_up_however_busy_it_is() {
        let (memory, clock) = memory(1000);
        let mut share = Share::new(&memory);
        let (sender, body) = piecemeal();
        let mut reading = Box::pin(read(body, None, LIMITS, &mut share, std::future::pending()));
        for _ in 0..29 {
            sender.unbounded_send(Ok(b"")).unwrap();
            assert_eq!((&mut reading).now_or_never(), None);
            clock.advance(seconds(1));
        }
        clock.advance(milliseconds(999));
        assert_eq!((&mut reading).now_or_never(), None);
        clock.advance(milliseconds(1));
        assert_eq!(reading.now_or_never(), Some(Err(Answer::TooSlow(LIMITS.timeout))));
    }

    #[test]
    fn bodies_share_memory_and_one_that_finds_none_waits_only_so_long() {
        let (memory, clock) = memory(10);
        let (mut one, mut other) = (Share::new(&memory), Share::new(&memory));
        assert_eq!(one.grow_to(6).now_or_never(), Some(Ok(())));
        assert_eq!(other.grow_to(4).now_or_never(), Some(Ok(())));
        let mut waiting = Box::pin(other.grow_to(5));
        assert_eq!((&mut waiting).now_or_never(), None);
        clock.advance(PATIENCE);
        assert_eq!(waiting.now_or_never(), Some(Err(Answer::NoRoom(Duration::ZERO))));
        let mut waiting = Box::pin(other.grow_to(5));
        assert_eq!((&mut waiting).now_or_never(), None);
        drop(one);
        assert_eq!(waiting.now_or_never(), Some(Ok(())));
        // More than there is: all of it.
        assert_eq!(other.grow_to(1000).now_or_never(), Some(Ok(())));
        drop(other);
        assert_eq!(memory.free.available_permits(), 10);
    }

    /// It would wait anew at every chunk, and for longer than anybody may take over a body.
    /// H-6
    #[test]
    fn body_waits_for_memory_no_longer_than_the_patience_of_its_request_whatever_its_chunks() {
        let (memory, clock) = memory(10);
        let (mut other, mut share) = (Share::new(&memory), Share::new(&memory));
        assert_eq!(other.grow_to(10).now_or_never(), Some(Ok(())));
        let body = futures::stream::iter([Ok::<_, &str>(b"1"), Ok(b"2"), Ok(b"3")]);
        let mut reading = Box::pin(read(body, None, LIMITS, &mut share, std::future::pending()));
        assert_eq!((&mut reading).now_or_never(), None);
        clock.advance(milliseconds(600));
        // Room for one byte: the next has to wait for what is left of the patience.
        let one = other.held.as_mut().and_then(|held| held.split(1));
        drop(one);
        assert_eq!((&mut reading).now_or_never(), None);
        clock.advance(milliseconds(399));
        assert_eq!((&mut reading).now_or_never(), None);
        clock.advance(milliseconds(1));
        assert_eq!(reading.now_or_never(), Some(Err(Answer::NoRoom(Duration::ZERO))));
        assert_eq!(share.patience(), milliseconds(400));
    }

    #[test]
    fn stop_ends_also_the_waiting_for_memory() {
        let (memory, _) = memory(10);
        let (mut other, mut share) = (Share::new(&memory), Share::new(&memory));
        assert_eq!(other.grow_to(10).now_or_never(), Some(Ok(())));
        let (stop, stopped) = futures::channel::oneshot::channel::<()>();
        let body = futures::stream::iter([Ok::<_, &str>(b"1")]);
        let mut reading = Box::pin(read(body, None, LIMITS, &mut share, stopped.map(drop)));
        assert_eq!((&mut reading).now_or_never(), None);
        drop(stop);
        assert_eq!(reading.now_or_never(), Some(Err(Answer::Stopping)));
    }

    #[test]
    fn stop_ends_the_reading_at_once() {
        let (memory, _) = memory(1000);
        let mut share = Share::new(&memory);
        let (_sender, body) = piecemeal();
        let (stop, stopped) = futures::channel::oneshot::channel::<()>();
        let mut reading = Box::pin(read(body, None, LIMITS, &mut share, stopped.map(drop)));
        assert_eq!((&mut reading).now_or_never(), None);
        drop(stop);
        assert_eq!(reading.now_or_never(), Some(Err(Answer::Stopping)));
    }
}
