//! One `tools/call`: from the request to the seam and back, with progress and questions on the way.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, ProgressNotificationParam, ProgressToken, ProtocolVersion,
    },
    service::{Peer, RequestContext},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Mcp, clients, elicitation, protocol_error};
use crate::{
    app::CallContext,
    front::encode,
    tools::{
        Reply,
        progress::{Sink, Update},
    },
};
use comfywarden_error::Kind;

impl Mcp {
    /// Runs a tool. A question goes to the client in the way of its era.
    pub(super) async fn run_tool(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(context)?;
        let view = self.view(context);
        let modern = is_modern(context);
        let can_ask = elicitation::can_ask(context);
        let args = request.arguments.unwrap_or_default();
        let mut signed_state = request.request_state;
        let mut answer = elicitation::answer(request.input_responses.as_ref());
        let mut silence = None;
        loop {
            let (sink, pump) = progress(context);
            let call = CallContext {
                caller: caller.clone(),
                view,
                can_ask,
                answer,
                signed_state: signed_state.take(),
                progress: sink,
                cancel: context.ct.clone(),
                fit: clients::fit_of(context),
            };
            let reply = self.app.call(call, &request.name, args.clone()).await;
            if let Some(pump) = pump {
                // The sink is gone with the call: the pump ends by itself, and progress stops before the answer.
                pump.await.ok();
            }
            match reply {
                Ok(Reply::Done { structured, blocks }) => return Ok(encode::done(structured, blocks).into()),
                Ok(Reply::Ask { question, signed_state: state }) if modern => {
                    return Ok(elicitation::input_required(&question, state)?.into());
                }
                Ok(Reply::Ask { question, signed_state: state }) => {
                    let asking = async { Some(elicitation::ask_now(&context.peer, &question).await) };
                    let Some(said) = self.app.await_answer(&state, context.ct.cancelled(), asking).await
                    else {
                        return Ok(encode::failed(&elicitation::left_open()).into());
                    };
                    answer = Some(*said.as_ref().unwrap_or(&false));
                    silence = said.err();
                    signed_state = Some(state);
                }
                Err(error) if error.details().contains_key("unknown_tool") => {
                    return Err(protocol_error(&error));
                }
                Err(error) if error.kind() == Kind::Internal => return Err(protocol_error(&error)),
                Err(error) => {
                    let error = elicitation::unanswered(error, silence.as_deref());
                    return Ok(encode::failed(&error).into());
                }
            }
        }
    }
}

/// True for a request of the era without handshake.
pub(super) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// A progress sink for the call, and the task that carries its reports to the client.
fn progress(context: &RequestContext<RoleServer>) -> (Sink, Option<JoinHandle<()>>) {
    let Some(token) = context.meta.get_progress_token() else { return (Sink::none(), None) };
    let (out, reports) = mpsc::channel(16);
    let pump = tokio::spawn(carry(reports, context.peer.clone(), token));
    (Sink::to(out), Some(pump))
}

async fn carry(mut reports: mpsc::Receiver<Update>, peer: Peer<RoleServer>, token: ProgressToken) {
    while let Some(update) = reports.recv().await {
        let note = ProgressNotificationParam::new(token.clone(), update.percent)
            .with_total(100.0)
            .with_message(update.message);
        if peer.notify_progress(note).await.is_err() {
            break;
        }
    }
}
