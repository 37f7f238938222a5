//! The simulated ComfyUI: compared with recordings of a real one, and its own promises.

mod answers;
mod behaviour;
mod client;
mod faults;
mod live;
mod recording;
mod sockets;
mod templates;
mod transcripts;
