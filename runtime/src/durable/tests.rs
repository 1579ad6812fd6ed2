//! Tests of the parts together: what is found again after faults and crashes.

mod damage;
mod keeper;
mod sequences;
