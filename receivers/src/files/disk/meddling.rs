//! A disk on which something happens before each question: files are renamed, say.

use super::{DirectoryStamp, Disk, Entry, Facts};
use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// See the module.
pub(crate) struct Meddling<D, F> {
    disk: D,
    /// Called with the number of the question, from 1 on.
    before: RefCell<F>,
    asked: Cell<u64>,
}

impl<D, F: FnMut(u64)> Meddling<D, F> {
    pub(crate) fn new(disk: D, before: F) -> Meddling<D, F> {
        Meddling { disk, before: RefCell::new(before), asked: Cell::new(0) }
    }

    fn ask(&self) -> &D {
        self.asked.set(self.asked.get() + 1);
        self.before.borrow_mut()(self.asked.get());
        &self.disk
    }
}

impl<D: Disk, F: FnMut(u64)> Disk for Meddling<D, F> {
    type Directory = D::Directory;

    fn open(&self, path: &Path) -> io::Result<(D::Directory, DirectoryStamp)> {
        self.ask().open(path)
    }

    fn entries(&self, directory: &D::Directory, each: &mut dyn FnMut(Entry)) -> io::Result<()> {
        self.ask().entries(directory, each)
    }

    fn look(&self, directory: &D::Directory, name: &OsStr, follow: bool) -> io::Result<Facts> {
        self.ask().look(directory, name, follow)
    }

    fn stamp(&self, path: &Path) -> io::Result<DirectoryStamp> {
        self.ask().stamp(path)
    }
}
