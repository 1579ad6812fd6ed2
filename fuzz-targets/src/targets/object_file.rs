//! Object files: bytes as a file, and as what is in a chunk whose checksum is right.

pub(super) fn run(bytes: &[u8]) {
    waterwheel_operators::fuzz_object_file(bytes);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    waterwheel_operators::seeds_of_object_files()
}
