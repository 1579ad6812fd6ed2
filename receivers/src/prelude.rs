//! Every source, and what is needed to use them: `use waterwheel::prelude::*` has it too.

pub use crate::decode::{DecodeError, Decoder, Frame, FrameDecoder, LineDecoder};
pub use crate::socket::SocketSource;
