//! Runs one `tools/call`, with progress and questions on the way.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ProgressNotificationParam, ProgressToken,
        ProtocolVersion,
    },
    service::{Peer, RequestContext},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Mcp, clients, elicitation, protocol_error};
use crate::{
    app::{Conversation, Turn},
    front::encode,
    tools::progress::{Sink, Update},
};
use comfywarden_error::{Error, Kind};

impl Mcp {
    /// Decodes a call. A client of the newer era answers a question by making the call again.
    pub(super) fn conversation(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<Conversation, ErrorData> {
        let answer = elicitation::answer(request.input_responses.as_ref());
        let args = request.arguments.unwrap_or_default();
        let (app, view) = (self.app.clone(), self.view(context));
        let conversation = Conversation::new(app, self.caller(context)?, view, &request.name, args)
            .resuming(request.request_state, answer);
        Ok(match (elicitation::can_ask(context), is_modern(context)) {
            (false, _) => conversation,
            (true, true) => conversation.asking_elsewhere(),
            (true, false) => conversation.asking(),
        })
    }

    /// Runs a tool. A question goes to the client in the way of its era.
    pub(super) async fn run_tool(
        &self,
        mut conversation: Conversation,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut silence = None;
        loop {
            let (sink, pump) = progress(context);
            let turn = conversation.advance(sink, context.ct.clone()).await;
            if let Some(pump) = pump {
                // The sink is gone with the call: the pump ends by itself, and progress stops before the answer.
                pump.await.ok();
            }
            match turn {
                Ok(Turn::Done { structured, blocks }) => {
                    let limits = clients::limits_of(context);
                    return Ok(encode::done(&conversation, limits, structured, blocks).into());
                }
                Ok(Turn::Asked { question }) if is_modern(context) => {
                    let state = conversation.into_signed_state().unwrap_or_default();
                    return Ok(elicitation::input_required(&question, state)?.into());
                }
                Ok(Turn::Asked { question }) => {
                    let answer = async {
                        let answer = elicitation::ask_now(&context.peer, &question).await;
                        let yes = *answer.as_ref().unwrap_or(&false);
                        silence = answer.err();
                        Some(yes)
                    };
                    if !conversation.await_answer(context.ct.cancelled(), answer).await {
                        return Ok(encode::failed(&elicitation::left_open()).into());
                    }
                }
                Err(error) if error.details().contains_key("unknown_tool") => {
                    return Err(protocol_error(&error));
                }
                Err(error) => {
                    let error = elicitation::unanswered(error, silence.as_deref());
                    return Ok(failed(&error)?.into());
                }
            }
        }
    }
}

/// Encodes a failed call. What went wrong inside is an error of the protocol.
pub(super) fn failed(error: &Error) -> Result<CallToolResult, ErrorData> {
    if error.kind() == Kind::Internal { Err(protocol_error(error)) } else { Ok(encode::failed(error)) }
}

/// True for a request of the era without handshake.
pub(super) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// Creates a progress sink for the call, and the task that sends its reports to the client.
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
