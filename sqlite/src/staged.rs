//! Staged rows, as bytes.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use serde::{Deserialize, Serialize};
use waterwheel::runtime::codec::{CodecError, decode, encode, stable_hash};

/// Rows in one chunk.
const CHUNK: usize = 512;

/// The longest chunk that is read: as much as SQLite takes in a column.
const MAX_CHUNK_BYTES: usize = 1_000_000_000;

/// Of the encoding.
const VERSION: u8 = 1;

/// The values of one row.
pub(crate) type Row = Vec<Cell>;

/// A value, as it is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Value> for Cell {
    fn from(value: Value) -> Cell {
        match value {
            Value::Null => Cell::Null,
            Value::Integer(value) => Cell::Integer(value),
            Value::Real(value) => Cell::Real(value),
            Value::Text(value) => Cell::Text(value),
            Value::Blob(value) => Cell::Blob(value),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => ValueRef::Integer(*value),
            Cell::Real(value) => ValueRef::Real(*value),
            Cell::Text(value) => ValueRef::Text(value.as_bytes()),
            Cell::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// Some rows of a partition, and the checksum over them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) rows: Vec<u8>,
    pub(crate) checksum: i64,
}

impl Chunk {
    /// The chunks of a partition, in order.
    pub(crate) fn all_of(rows: &[Row]) -> Result<Vec<Chunk>, CodecError> {
        rows.chunks(CHUNK)
            .map(|rows| {
                let rows = encode(&(VERSION, rows))?;
                Ok(Chunk { checksum: checksum(&rows), rows })
            })
            .collect()
    }

    /// The rows, or what is wrong with them.
    pub(crate) fn decoded(&self) -> Result<Vec<Row>, String> {
        if checksum(&self.rows) != self.checksum {
            return Err("they have another checksum than was written".to_owned());
        }
        match self.rows.first() {
            Some(&VERSION) => {}
            version => {
                return Err(format!("they are of version {version:?} of the format, and only {VERSION} is known"));
            }
        }
        let (_, rows): (u8, Vec<Row>) = decode(&self.rows, MAX_CHUNK_BYTES).map_err(|error| error.to_string())?;
        Ok(rows)
    }
}

fn checksum(bytes: &[u8]) -> i64 {
    stable_hash(bytes).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Integer),
            any::<f64>().prop_map(Cell::Real),
            any::<String>().prop_map(Cell::Text),
            vec(any::<u8>(), 0..20).prop_map(Cell::Blob),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rows_come_back_as_they_were_and_any_flipped_bit_is_an_error(
            rows in vec(vec(cell(), 0..4), 0..30),
            flip in any::<prop::sample::Index>(),
        ) {
            let chunks = Chunk::all_of(&rows).unwrap();
            let back: Vec<Row> = chunks.iter().flat_map(|chunk| chunk.decoded().unwrap()).collect();
            prop_assert_eq!(&back, &rows);
            if let Some(chunk) = chunks.first() {
                let mut damaged = chunk.clone();
                let bit = flip.index(damaged.rows.len() * 8);
                damaged.rows[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(damaged.decoded().is_err());
            }
        }
    }

    #[test]
    fn many_rows_are_several_chunks_and_none_are_none() {
        let rows: Vec<Row> = (0..1100).map(|n| vec![Cell::Integer(n)]).collect();
        assert_eq!(Chunk::all_of(&rows).unwrap().len(), 3);
        assert_eq!(Chunk::all_of(&[]).unwrap(), []);
    }

    #[test]
    fn the_bytes_are_frozen() {
        let row = vec![Cell::Null, Cell::Integer(-1), Cell::Real(0.5), Cell::Text("a".into()), Cell::Blob(vec![7])];
        let chunk = Chunk::all_of(&[row]).unwrap().remove(0);
        assert_eq!(chunk.rows, [1, 1, 5, 0, 1, 1, 2, 0, 0, 0, 0, 0, 0, 224, 63, 3, 1, 97, 4, 1, 7]);
        let mut newer = chunk;
        newer.rows[0] = 2;
        newer.checksum = checksum(&newer.rows);
        assert!(newer.decoded().unwrap_err().contains("version Some(2)"));
    }
}
