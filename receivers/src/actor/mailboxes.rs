//! How many messages wait for the actors of a stream: read from the queues when somebody asks, and counted nowhere.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// How many messages wait in one mailbox; `None` when it has ended.
type Look = Box<dyn Fn() -> Option<usize> + Send>;

/// The mailboxes of an actor stream: that of its actor, and those of its workers.
#[derive(Default)]
pub(super) struct Mailboxes(Mutex<Vec<Look>>);

impl Mailboxes {
    /// One more, which is not kept alive. Those that have ended are let go.
    pub(super) fn add<M: Send + 'static>(&self, queue: &mpsc::Sender<M>) {
        let queue = queue.downgrade();
        let look = move || {
            let queue = queue.upgrade()?;
            let waiting = queue.max_capacity().saturating_sub(queue.capacity());
            (waiting > 0 || !queue.is_closed()).then_some(waiting)
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|look| look().is_some());
        all.push(Box::new(look));
    }

    /// Messages that wait in all of them.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(|look| look()).sum()
    }
}

impl fmt::Debug for Mailboxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailboxes({} waiting)", self.waiting())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_in_all_mailboxes_is_added_up_and_those_that_have_ended_are_let_go() {
        let mailboxes = Mailboxes::default();
        let ((one, mut first), (other, second)) = (mpsc::channel(5), mpsc::channel(5));
        mailboxes.add(&one);
        mailboxes.add(&other);
        (0..3).for_each(|n| one.try_send(n).unwrap());
        other.try_send("a").unwrap();
        assert_eq!(mailboxes.waiting(), 4);
        assert_eq!(first.try_recv(), Ok(0));
        assert_eq!(mailboxes.waiting(), 3);
        first.close();
        assert_eq!(mailboxes.waiting(), 3, "what is there is still handled");
        drop((first, second));
        assert_eq!(mailboxes.waiting(), 0, "nobody will handle it");
        let (new, _queue) = mpsc::channel::<()>(1);
        mailboxes.add(&new);
        assert_eq!(mailboxes.0.lock().unwrap().len(), 1);
    }
}
