//! `foreach_partition`.

use crate::program::{FOREACH_PARTITION, Program};

#[test]
fn every_partition_is_kept_once_although_one_is_written_twice() {
    for (arguments, batches, cores) in
        [("", 5, None), ("--batches 3 --cores 1", 3, Some(1)), ("--batches 1 --cores 2", 1, Some(2))]
    {
        let end = Program::start(FOREACH_PARTITION, &format!("--interval 100ms {arguments}")).end();
        assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
        let (last, counts) = end.out.split_last().unwrap();
        let expected: Vec<String> = (0..10).map(|digit| format!("{digit}: {}", batches * 100)).collect();
        assert_eq!(counts, expected);
        let connections = last.strip_suffix(" connections, 1 partition written twice and kept once");
        let connections: usize = connections.unwrap_or_else(|| panic!("{last}")).parse().unwrap();
        // The one that was hung up is replaced; other than that there is at most one per core.
        assert!((2..=cores.map_or(usize::MAX, |cores| cores + 1)).contains(&connections), "{last}");
    }
}
