//! Directories for checkpoints: fresh, and on a disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// File systems that only look like a disk.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// An empty directory on a disk. Gone when this is dropped.
pub(crate) struct Fresh {
    dir: TempDir,
    /// What it lies on: `/dev/sda1 (ext4)`.
    pub(crate) disk: String,
}

impl Fresh {
    /// A new directory below `parent`; or below the system's temporary directory, or else the current one if that is in memory.
    pub(crate) fn new(parent: Option<&Path>) -> Result<Self> {
        let candidates: Vec<PathBuf> = match parent {
            Some(parent) => vec![parent.to_owned()],
            None => vec![std::env::temp_dir(), std::env::current_dir()?],
        };
        let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
        for candidate in &candidates {
            let path = candidate.canonicalize().with_context(|| format!("no directory {}", candidate.display()))?;
            let Some((device, kind)) = mount_of(&mounts, &path) else { continue };
            if !IN_MEMORY.contains(&kind) {
                let dir = tempfile::Builder::new().prefix("waterwheel-benchmark-").tempdir_in(&path)?;
                return Ok(Self { dir, disk: format!("{device} ({kind})") });
            }
        }
        bail!("none of {candidates:?} is on a disk: a checkpoint in memory proves nothing, give a directory with --dir")
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// What is mounted where `path` is: the device and the kind of file system.
fn mount_of<'a>(mounts: &'a str, path: &Path) -> Option<(&'a str, &'a str)> {
    let mut best = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(at), Some(kind)) = (fields.next(), fields.next(), fields.next()) else { continue };
        // Of two at the same place the later one is on top.
        if path.starts_with(at) && best.is_none_or(|(length, _)| at.len() >= length) {
            best = Some((at.len(), (device, kind)));
        }
    }
    best.map(|(_, mount)| mount)
}

/// Bytes of all files below `dir`.
pub(crate) fn size_of(dir: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.len() };
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
        assert_eq!(mount_of(mounts, Path::new("/home")), Some(("/dev/a", "ext4")));
        assert_eq!(mount_of(mounts, Path::new("/tmp/x")), Some(("tmpfs", "tmpfs")));
        assert_eq!(mount_of(mounts, Path::new("/tmp/disk/x")), Some(("/dev/b", "xfs")));
        assert_eq!(mount_of(mounts, Path::new("/tmpx")), Some(("/dev/a", "ext4")));
    }

    #[test]
    fn a_fresh_directory_is_empty_and_goes() {
        let fresh = Fresh::new(None).unwrap();
        let path = fresh.path().to_owned();
        assert_eq!(size_of(&path).unwrap(), 0);
        fs::create_dir(path.join("below")).unwrap();
        fs::write(path.join("below/file"), "twelve bytes").unwrap();
        assert_eq!(size_of(&path).unwrap(), 12);
        drop(fresh);
        assert!(!path.exists());
    }
}
