use super::*;
use crate::block::Erased;
use crate::site::Site;
use crate::stage::{Bucket, Requirement, ShuffleProgress};

/// Partitions that need nothing.
struct Source(usize);

impl Lineage for Source {
    fn id(&self) -> RddId {
        RddId(0)
    }

    fn partitions(&self) -> usize {
        self.0
    }

    fn requirements(&self, _: usize) -> Vec<Requirement> {
        Vec::new()
    }
}

struct Kernel {
    progress: ShuffleProgress,
    parent: Arc<dyn Lineage>,
}

impl ShuffleKernel for Kernel {
    fn progress(&self) -> &ShuffleProgress {
        &self.progress
    }

    fn site(&self) -> Site {
        Site::here("shuffle")
    }

    fn parent(&self) -> Arc<dyn Lineage> {
        self.parent.clone()
    }

    fn map(&self, _: usize, _: &TaskContext) -> Result<Vec<Bucket>, TaskError> {
        unreachable!("nothing is computed here")
    }

    fn reduce(&self, _: usize, _: Vec<Bucket>, _: &TaskContext) -> Result<Erased, TaskError> {
        unreachable!("nothing is computed here")
    }
}

struct Shuffled(Arc<Kernel>);

impl Lineage for Shuffled {
    fn id(&self) -> RddId {
        RddId(1)
    }

    fn partitions(&self) -> usize {
        self.0.progress.targets()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        vec![Requirement::Shuffle(self.0.clone(), partition)]
    }
}

/// A job whose shuffle has `maps` map and `targets` target partitions, over `partitions`, on two workers with two tasks each.
fn shuffle_job(maps: usize, targets: usize, partitions: Vec<usize>) -> (JobProgress, Arc<Kernel>) {
    let progress = ShuffleProgress::new(ShuffleId(7), maps, targets);
    let kernel = Arc::new(Kernel { progress, parent: Arc::new(Source(maps)) });
    (job(Arc::new(Shuffled(kernel.clone())), partitions), kernel)
}

fn job(target: Arc<dyn Lineage>, partitions: Vec<usize>) -> JobProgress {
    let function: Arc<PartitionFn> = Arc::new(|_, _| unreachable!("nothing is computed here"));
    let request = JobRequest { target, partitions, function, max_failures: 3 };
    JobProgress::new(request, &HashSet::new(), 2, 2)
}

/// Does what the launched tasks ask for: the value of a partition is its number. Returns what came of the last.
fn succeed(job: &mut JobProgress, launches: Vec<Launch>) -> Next {
    let outcomes = launches.into_iter().map(|Launch { key, work, task, .. }| match work {
        TaskWork::Map(kernel) => {
            kernel.progress().delivered(task.partition, []);
            job.completed(key, Ok((TaskOutput::Delivered, Vec::new())))
        }
        TaskWork::Result(_) => job.completed(key, Ok((TaskOutput::Value(Box::new(task.partition)), Vec::new()))),
    });
    outcomes.last().unwrap_or(Next::Continue)
}

/// Launches and succeeds until the values are here.
fn values(job: &mut JobProgress) -> Vec<usize> {
    loop {
        let launches = job.launch();
        assert!(!launches.is_empty(), "the job stands still");
        if let Next::Finished(values) = succeed(job, launches) {
            return values.into_iter().map(|value| *value.downcast::<usize>().unwrap()).collect();
        }
    }
}

fn stages(launches: &[Launch]) -> Vec<(usize, usize)> {
    launches.iter().map(|launch| (launch.key.stage, launch.task.partition)).collect()
}

fn lost() -> TaskError {
    TaskError::ShuffleLost { shuffle: ShuffleId(7), partition: 0, cause: String::new() }
}

fn failed() -> TaskError {
    TaskError::Storage { what: "block".to_owned(), cause: "unreadable".to_owned() }
}

#[test]
fn a_stage_starts_when_the_last_task_of_the_one_before_is_done() {
    let (mut job, _) = shuffle_job(5, 2, vec![0, 1]);
    let mut maps = job.launch();
    assert_eq!(stages(&maps), [(0, 0), (0, 1), (0, 2), (0, 3)]);
    let last = maps.pop().unwrap();
    succeed(&mut job, maps);
    let fifth = job.launch();
    assert_eq!(stages(&fifth), [(0, 4)]);
    succeed(&mut job, fifth);
    assert_eq!(stages(&job.launch()), []);
    succeed(&mut job, vec![last]);
    assert_eq!(stages(&job.launch()), [(1, 0), (1, 1)]);
}

#[test]
fn values_come_in_the_order_in_which_their_partitions_were_asked_for() {
    let (mut job, _) = shuffle_job(3, 4, vec![3, 0, 3, 1]);
    assert_eq!(values(&mut job), [3, 0, 3, 1]);
}

#[test]
fn a_task_that_reads_a_shuffle_runs_where_its_target_is_kept() {
    let (mut job, _) = shuffle_job(0, 6, (0..6).collect());
    let homes: Vec<_> = job.launch().iter().map(|launch| (launch.worker.0, launch.task.partition)).collect();
    assert_eq!(homes, [(0, 0), (0, 2), (1, 1), (1, 3)]);
}

#[test]
fn a_task_is_tried_again_before_others_start_until_it_has_failed_often_enough() {
    let mut job = job(Arc::new(Source(9)), (0..9).collect());
    let mut first = job.launch().remove(0);
    for _ in 1..3 {
        assert!(matches!(job.completed(first.key, Err(failed())), Next::Continue));
        first = job.launch().remove(0);
        assert_eq!(first.task.partition, 0);
    }
    assert!(matches!(job.completed(first.key, Err(failed())), Next::Failed { attempts: 3, .. }));
}

#[test]
fn a_lost_shuffle_is_made_again_and_values_that_are_here_stay() {
    let (mut job, kernel) = shuffle_job(2, 2, vec![0, 1]);
    let maps = job.launch();
    succeed(&mut job, maps);
    let mut reduces = job.launch();
    let second = reduces.pop().unwrap();
    succeed(&mut job, reduces);
    assert!(matches!(job.completed(second.key, Err(lost())), Next::Replan));
    assert_eq!(kernel.progress.missing(), [0, 1]);
    job.replan(&HashSet::new());
    let again = job.launch();
    assert_eq!(stages(&again), [(0, 0), (0, 1)]);
    let late = TaskOutput::Value(Box::new(99_usize));
    assert!(matches!(job.completed(second.key, Ok((late, Vec::new()))), Next::Continue), "an outcome of the old plan");
    succeed(&mut job, again);
    let rest = job.launch();
    assert_eq!(stages(&rest), [(1, 1)]);
    let Next::Finished(values) = succeed(&mut job, rest) else { panic!("the last value was delivered") };
    assert_eq!(values.len(), 2);
}

#[test]
fn a_job_over_no_partitions_is_finished_before_it_starts() {
    let mut job = job(Arc::new(Source(3)), Vec::new());
    assert!(job.launch().is_empty());
    assert!(matches!(job.finished(), Next::Finished(values) if values.is_empty()));
}

/// Takes minutes where a step looks at every task.
#[test]
fn fifty_thousand_tasks_are_no_trouble() {
    let (mut job, _) = shuffle_job(100, 50_000, (0..50_000).collect());
    assert!(values(&mut job).into_iter().eq(0..50_000));
}
