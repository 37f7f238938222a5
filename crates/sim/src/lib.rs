//! A simulated ComfyUI, for the demo and for tests.
//!
//! It answers ComfyUI's routes with ComfyUI's shapes, status codes and event order, as recorded from a
//! real 0.12.2. Model-free nodes really work on pixels; samplers paint a placeholder picture from the
//! prompt text, the seed and the size. No node runs code or reads a file of this machine.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sim = comfywarden_sim::Sim::instant().start().await?;
//! println!("{}", sim.url());
//! # Ok(()) }
//! ```
//!
//! | part | files |
//! |---|---|
//! | building and steering | `builder`, `handle`, `faults`, `holds`, `journal` |
//! | the wire | `listener`, `http/`, `ws`, `sockets`, `events` |
//! | what ComfyUI knows | `catalogue`, `models`, `store` |
//! | what ComfyUI does | `validate/`, `queue`, `engine/`, `nodes/`, `paint`, `picture` |

mod builder;
mod catalogue;
mod engine;
mod events;
mod faults;
mod handle;
mod holds;
mod http;
mod journal;
mod listener;
mod models;
mod nodes;
mod packs;
mod paint;
mod picture;
mod python;
mod queue;
mod server;
mod sockets;
mod store;
mod validate;
mod ws;

pub use builder::{CancelRoutes, Manager, Sim, SimBuilder};
pub use faults::Faults;
pub use handle::SimHandle;
pub use holds::Hold;
pub use journal::Request;
