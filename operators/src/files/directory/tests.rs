use super::*;
use tempfile::TempDir;

/// A place named `counts`, with `content` in its one part unless there is none.
fn place(content: Option<&str>) -> (TempDir, OutputDirectory) {
    let home = tempfile::tempdir().unwrap();
    let directory = OutputDirectory::new(&home.path().join("deep/counts")).unwrap();
    if let Some(content) = content {
        let new = write(&directory, content);
        directory.finish(new).unwrap();
    }
    (home, directory)
}

/// What the tasks do.
fn write(directory: &OutputDirectory, content: &str) -> Unfinished {
    let new = directory.begin().unwrap();
    io::Write::write_all(&mut File::create(part(&new, 0)).unwrap(), content.as_bytes()).unwrap();
    new
}

/// What is left of a save when its process is killed: the directory, and the lock that the system takes back.
fn crash(mut new: Unfinished) {
    new.keep();
}

/// What a reader finds under the name.
fn found(directory: &OutputDirectory) -> Option<String> {
    if !directory.finished.exists() {
        return None;
    }
    let parts = parts_of(&directory.finished).unwrap();
    Some(parts.iter().map(|part| fs::read_to_string(part).unwrap()).collect())
}

fn names(directory: &OutputDirectory) -> Vec<String> {
    let entries = fs::read_dir(directory.finished.parent().unwrap()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_batch_has_the_name_of_the_guide() {
    let of_batch = |prefix, suffix| {
        let directory = OutputDirectory::of_batch(Path::new(prefix), suffix, Time::from_millis(1500)).unwrap();
        directory.finished
    };
    assert_eq!(of_batch("/out/counts", "txt"), Path::new("/out/counts-1500.txt"));
    assert_eq!(of_batch("counts", ""), Path::new("counts-1500"));
    assert_eq!(of_batch("out/counts.v1/", "d"), Path::new("out/counts.v1-1500.d"));
}

#[test]
fn a_path_without_a_name_is_refused() {
    for path in ["/", "..", "out/..", ""] {
        let error = OutputDirectory::new(Path::new(path)).err().unwrap().to_string();
        assert!(error.starts_with(&format!("{path:?} does not end in the name")), "{error}");
        assert!(OutputDirectory::of_batch(Path::new(path), "", Time::ZERO).is_err(), "{path:?}");
    }
}

/// O-1
#[test]
fn nothing_is_under_the_name_before_all_is_written() {
    let (_home, directory) = place(None);
    let new = write(&directory, "new");
    assert_eq!(found(&directory), None);
    mark(&new).unwrap();
    assert_eq!(found(&directory), None);
    directory.finish(new).unwrap();
    assert_eq!(found(&directory).as_deref(), Some("new"));
    assert_eq!(names(&directory), ["counts"]);
}

#[test]
fn what_was_there_is_replaced_in_one_step_or_in_two() {
    for swap in [true, false] {
        let (_home, directory) = place(Some("old"));
        let new = write(&directory, "new");
        assert_eq!(found(&directory).as_deref(), Some("old"));
        mark(&new).unwrap();
        if swap {
            assert_eq!(directory.put_in_place(&new).unwrap(), Old::Swapped);
        } else {
            directory.put_in_place_by_two_renames(&new).unwrap();
        }
        crash(new);
        assert_eq!(found(&directory).as_deref(), Some("new"));
        // The crash before the old one is removed leaves it beside; the next run does it.
        assert_eq!(names(&directory).len(), 2);
        let newer = write(&directory, "newer");
        directory.finish(newer).unwrap();
        assert_eq!((found(&directory).as_deref(), names(&directory).len()), (Some("newer"), 1), "swap: {swap}");
    }
}

/// O-2
#[test]
fn a_crash_at_any_step_leaves_the_old_dataset_or_the_new_one_and_the_next_run_puts_it_right() {
    type Step = fn(&OutputDirectory, &Unfinished) -> io::Result<()>;
    let swap: Step = |directory, new| super::swap(new.path(), &directory.finished).map(|swapped| assert!(swapped));
    let (set_aside, move_in): (Step, Step) = (
        |directory, _| rename(&directory.finished, &directory.replaced),
        |directory, new| rename(new.path(), &directory.finished),
    );
    let mark: Step = |_, new| super::mark(new);
    for (steps, expected) in [
        (vec![], Some("old")),
        (vec![mark], Some("old")),
        (vec![mark, swap], Some("new")),
        // The only instant without a dataset under the name, and only where the file system cannot swap.
        (vec![mark, set_aside], None),
        (vec![mark, set_aside, move_in], Some("new")),
    ] {
        let (_home, directory) = place(Some("old"));
        let new = write(&directory, "new");
        steps.iter().for_each(|step| step(&directory, &new).unwrap());
        assert_eq!(found(&directory).as_deref(), expected, "after {} steps", steps.len());
        // Here the process is killed, and the next one runs the batch again.
        crash(new);
        drop(directory.begin().unwrap());
        let kept = found(&directory);
        assert_eq!(kept.as_deref(), Some(expected.unwrap_or("old")), "after {} steps", steps.len());
        let again = write(&directory, "again");
        directory.finish(again).unwrap();
        assert_eq!((found(&directory).as_deref(), names(&directory).len()), (Some("again"), 1));
    }
}

/// O-3
#[test]
fn a_directory_that_is_no_dataset_is_not_replaced() {
    let (_home, directory) = place(None);
    fs::create_dir_all(&directory.finished).unwrap();
    drop(directory.begin().unwrap());
    File::create(directory.finished.join("thesis.tex")).unwrap();
    let error = directory.begin().err().unwrap().to_string();
    assert!(error.contains("counts: the directory is there already and is not a dataset"), "{error}");
    assert!(directory.finished.join("thesis.tex").exists());
}

#[test]
fn a_directory_that_came_meanwhile_and_is_no_dataset_is_not_replaced() {
    let (_home, directory) = place(None);
    let new = write(&directory, "new");
    fs::create_dir_all(&directory.finished).unwrap();
    File::create(directory.finished.join("thesis.tex")).unwrap();
    let error = directory.finish(new).unwrap_err().to_string();
    assert!(error.contains("counts: the directory is there already and is not a dataset"), "{error}");
    assert!(directory.finished.join("thesis.tex").exists());
    assert_eq!(names(&directory), ["counts"]);
}

#[test]
fn saves_of_one_name_at_once_do_not_mix_and_the_last_to_finish_stays() {
    for before in [None, Some("old")] {
        let (_home, directory) = place(before);
        let (one, other) = (write(&directory, "one"), write(&directory, "other"));
        File::create(part(&other, 1)).unwrap();
        directory.finish(other).unwrap();
        assert_eq!(parts_of(&directory.finished).unwrap().len(), 2);
        directory.finish(one).unwrap();
        assert_eq!(parts_of(&directory.finished).unwrap().len(), 1);
        assert_eq!((found(&directory).as_deref(), names(&directory).len()), (Some("one"), 1));
    }
}

#[test]
fn a_save_that_fails_leaves_nothing_and_one_that_crashed_is_removed_by_the_next_over_its_name() {
    let (_home, directory) = place(None);
    let other = OutputDirectory::new(&directory.finished.with_file_name("counts.txt")).unwrap();
    drop(write(&directory, "failed"));
    assert!(names(&directory).is_empty());
    crash(write(&directory, "crashed"));
    crash(write(&other, "crashed"));
    assert_eq!(names(&directory).len(), 2);
    let running = write(&directory, "running");
    let left = names(&directory);
    assert!(left.len() == 2 && left.iter().any(|name| name.starts_with("_counts.txt.")), "{left:?}");
    directory.finish(write(&directory, "new")).unwrap();
    assert!(running.path().is_dir());
    other.finish(write(&other, "new")).unwrap();
    drop(running);
    assert_eq!(names(&directory), ["counts", "counts.txt"]);
}

#[test]
fn the_only_whole_dataset_is_not_removed_whatever_has_come_to_its_place() {
    let (_home, directory) = place(Some("old"));
    rename(&directory.finished, &directory.replaced).unwrap();
    fs::create_dir(&directory.finished).unwrap();
    drop(directory.begin().unwrap());
    assert_eq!((found(&directory).as_deref(), names(&directory).len()), (Some("old"), 1));

    rename(&directory.finished, &directory.replaced).unwrap();
    fs::create_dir(&directory.finished).unwrap();
    File::create(directory.finished.join("thesis.tex")).unwrap();
    let error = directory.begin().err().unwrap().to_string();
    for path in [&directory.finished, &directory.replaced] {
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
    assert!(directory.finished.join("thesis.tex").exists());
    assert_eq!(parts_of(&directory.replaced).unwrap().len(), 1);
}

#[test]
fn a_file_of_that_name_is_not_replaced_either() {
    let (_home, directory) = place(None);
    create_directory(directory.finished.parent().unwrap()).unwrap();
    File::create(&directory.finished).unwrap();
    assert!(directory.begin().err().unwrap().to_string().contains("counts: "));
    assert!(directory.finished.is_file());
}

#[test]
fn a_directory_that_is_not_whole_is_not_read() {
    let (_home, directory) = place(Some("0"));
    let parts_of = || parts_of(&directory.finished).map_err(|error| error.to_string());
    let part = |name: &str| directory.finished.join(name);
    // What readers of such directories pass over.
    File::create(part("_metadata")).unwrap();
    File::create(part(".part-00000.crc")).unwrap();
    assert_eq!(parts_of(), Ok(vec![part("part-00000")]));
    File::create(part("part-1x")).unwrap();
    assert!(parts_of().unwrap_err().ends_with("part-1x is not a part of a dataset; move it elsewhere"));
    rename(&part("part-1x"), &part("part-00002")).unwrap();
    assert!(parts_of().unwrap_err().ends_with("part-00001 is missing; write the dataset again"));
    rename(&part("part-00002"), &part("part-00001")).unwrap();
    assert_eq!(parts_of().map(|parts| parts.len()), Ok(2));
    rename(&part("_SUCCESS"), &part("_success")).unwrap();
    assert!(parts_of().unwrap_err().contains("there is no _SUCCESS in it"));
}

#[test]
fn a_place_left_by_a_crash_is_used_again_and_one_that_is_written_to_is_not() {
    let (_home, directory) = place(None);
    let names_in_use = |saves: &[&Unfinished]| {
        let names = saves.iter().map(|save| save.path().file_name().unwrap().to_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let (one, two, three) = (write(&directory, "1"), write(&directory, "2"), write(&directory, "3"));
    assert_eq!(
        names_in_use(&[&one, &two, &three]),
        ["_counts.0.unfinished", "_counts.1.unfinished", "_counts.2.unfinished"]
    );
    crash(one);
    crash(three);
    let again = directory.begin().unwrap();
    assert_eq!(names_in_use(&[&again]), ["_counts.0.unfinished"]);
    assert_eq!(fs::read_dir(again.path()).unwrap().count(), 0, "nothing of the crashed save is in it");
    assert_eq!(
        names(&directory),
        ["_counts.0.unfinished", "_counts.1.unfinished"],
        "the crashed one behind is gone, too"
    );
    directory.finish(two).unwrap();
    assert_eq!(found(&directory).as_deref(), Some("2"));
}

/// Places are taken, left, swapped and removed by all at once; whoever came last, the dataset is one save's.
#[test]
fn saves_of_one_name_by_many_threads_never_mix() {
    let (_home, directory) = place(None);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let directory = &directory;
            scope.spawn(move || {
                for round in 0..40 {
                    let content = format!("{writer}.{round} ");
                    let new = write(directory, &content);
                    io::Write::write_all(&mut File::create(part(&new, 1)).unwrap(), content.as_bytes()).unwrap();
                    match round % 4 {
                        0 => drop(new),
                        1 => crash(new),
                        _ => directory.finish(new).unwrap(),
                    }
                }
            });
        }
    });
    let found = found(&directory).unwrap();
    let (first, second) = found.split_at(found.len() / 2);
    assert!(first == second && first.contains('.'), "{found}");
    directory.finish(write(&directory, "last")).unwrap();
    assert_eq!(names(&directory), ["counts"]);
}

/// A save costs the same beside ten thousand others: the directory that they are in is never listed.
#[cfg(target_os = "linux")]
#[test]
fn a_save_does_not_list_what_lies_beside_it() {
    use rustix::fs::inotify;
    let (_home, directory) = place(Some("old"));
    crash(write(&directory, "crashed"));
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    let home = directory.finished.parent().unwrap();
    inotify::add_watch(&watch, home, inotify::WatchFlags::ACCESS).unwrap();
    let listed = || {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut buffer);
        let mut times = 0;
        while let Ok(event) = events.next() {
            // An event without a name is of the directory itself.
            times += u32::from(event.file_name().is_none());
        }
        times
    };
    directory.finish(write(&directory, "new")).unwrap();
    directory.finish(write(&directory, "newer")).unwrap();
    assert_eq!(listed(), 0);
    assert_eq!(names(&directory), ["counts"]);
    assert_ne!(listed(), 0, "listing is what is watched for");
}
