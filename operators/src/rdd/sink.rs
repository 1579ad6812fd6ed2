//! How records move between the operators of a task: in chunks, pushed, with one virtual call per chunk.

use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// Records per chunk. Small enough to stay in cache, large enough that a virtual call and a clock reading cost nothing.
pub const CHUNK: usize = 512;

/// Why the flow of records ends before the partition does.
#[derive(Debug)]
pub enum Stop {
    /// Whoever takes the records has enough (`take`, `first`).
    Enough,
    /// Something failed.
    Fault(TaskError),
}

impl From<TaskError> for Stop {
    fn from(error: TaskError) -> Stop {
        Stop::Fault(error)
    }
}

/// Whether to go on.
pub type Flow = Result<(), Stop>;

/// Takes the records of one partition.
pub trait Sink<T> {
    /// Takes all records out of `chunk` and leaves it empty, so that its owner can fill it again.
    ///
    /// # Errors
    /// [`Stop`] when no more records are wanted.
    fn push(&mut self, chunk: &mut Vec<T>) -> Flow;

    /// Takes records that stay with their owner. Sinks that need no copy, or not of every record, do better than this.
    ///
    /// # Errors
    /// As [`push`](Sink::push).
    fn push_shared(&mut self, chunk: &[T]) -> Flow
    where
        T: Clone,
    {
        self.push(&mut chunk.to_vec())
    }
}

/// The records of a chunk, taken out of it.
///
/// Consume them with `for_each`, `map` and `extend`, not with a `for` loop: a list's own iterator hands records on from inside
/// without an `Option` around each. For types that keep the `None` inside themselves (small strings do) that is twice as fast
/// as `drain`, which costs more than the allocation of a chunk.
pub fn take<T>(chunk: &mut Vec<T>) -> std::vec::IntoIter<T> {
    std::mem::take(chunk).into_iter()
}

/// A sink made of a function over chunks.
pub struct EachChunk<F>(pub F);

impl<T, F: FnMut(&mut Vec<T>) -> Flow> Sink<T> for EachChunk<F> {
    fn push(&mut self, chunk: &mut Vec<T>) -> Flow {
        (self.0)(chunk)
    }
}

/// A sink made of a function that only looks at the records.
pub struct EachShared<F>(pub F);

impl<T, F: FnMut(&[T]) -> Flow> Sink<T> for EachShared<F> {
    fn push(&mut self, chunk: &mut Vec<T>) -> Flow {
        let flow = (self.0)(chunk);
        chunk.clear();
        flow
    }

    fn push_shared(&mut self, chunk: &[T]) -> Flow {
        (self.0)(chunk)
    }
}

/// Pushes records that stay with their owner, chunk by chunk.
///
/// # Errors
/// As [`Sink::push`].
pub fn push_all<T: Clone>(records: &[T], out: &mut dyn Sink<T>) -> Flow {
    records.chunks(CHUNK).try_for_each(|chunk| out.push_shared(chunk))
}

/// [`push_all`] for records that lie in chunks already, whatever their size.
pub(crate) fn push_chunks<T: Clone>(chunks: &[Vec<T>], out: &mut dyn Sink<T>) -> Flow {
    chunks.iter().try_for_each(|chunk| push_all(chunk, out))
}

/// Pushes what an iterator of the user gives, chunk by chunk. It may be lazy, so it is drawn from as the user code it is.
pub(crate) fn push_iter<T>(
    site: Site,
    task: &TaskContext,
    items: impl Iterator<Item = T>,
    out: &mut dyn Sink<T>,
) -> Flow {
    let mut items = items.fuse();
    let mut chunk = Vec::new();
    loop {
        task.run(site, 0, || chunk.extend(items.by_ref().take(CHUNK)))?;
        if chunk.is_empty() {
            return Ok(());
        }
        out.push(&mut chunk)?;
    }
}
