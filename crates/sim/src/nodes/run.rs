//! The rule of each class.

use super::{
    data::{Call, Raised, Work},
    generic, images, load, masks, save, test_nodes,
};

/// Does the work of one node. Blocking: pictures are made here.
pub(crate) fn run(call: &Call) -> Result<Work, Raised> {
    match call.class.as_str() {
        "LoadImage" | "LoadImageOutput" => load::image(call),
        "LoadImageMask" => load::mask(call),
        "EmptyImage" => images::empty(call),
        "ImageScale" => images::scale(call),
        "ImageScaleBy" => images::scale_by(call),
        "ImageUpscaleWithModel" => images::upscale(call),
        "ImageInvert" => images::invert(call),
        "ImageBlend" => images::blend(call),
        "ImageCrop" => images::crop(call),
        "ImageBatch" => images::batch(call),
        "RepeatImageBatch" => images::repeat(call),
        "ImageFromBatch" => images::from_batch(call),
        "ImageFlip" => images::flip(call),
        "ImageCompositeMasked" => images::composite(call),
        "GetImageSize" => images::size(call),
        "SolidMask" => masks::solid(call),
        "MaskToImage" => masks::to_image(call),
        "ImageToMask" => masks::from_image(call),
        "InvertMask" => masks::invert(call),
        "SaveImage" => save::images(call, "output"),
        "PreviewImage" | "MaskPreview" | "ImageCompare" => save::images(call, "temp"),
        "SaveAnimatedWEBP" => save::animated(call, "webp"),
        "SaveAnimatedPNG" => save::animated(call, "png"),
        "SaveVideo" => save::video(call, "mp4"),
        "SaveWEBM" => save::video(call, "webm"),
        "SaveAudio" => save::audio(call, "output", "flac"),
        "SaveAudioMP3" => save::audio(call, "output", "mp3"),
        "SaveAudioOpus" => save::audio(call, "output", "opus"),
        "PreviewAudio" => save::audio(call, "temp", "flac"),
        "SaveGLB" => save::mesh(call),
        "SaveLatent" => save::latent(call),
        "PreviewAny" => Ok(save::any(call)),
        "Preview3D" => Ok(save::mesh_view(call)),
        "SaveImageWebsocket" => save::websocket(call),
        "RigSleep" | "RigSleepUninterruptible" => Ok(test_nodes::slept(call)),
        "RigFail" => test_nodes::fail(call),
        "RigBlock" => Ok(test_nodes::block(call)),
        "RigManyImages" => test_nodes::many_images(call),
        "ExecutePython" | "Load Text File" | "Save Text File" => Ok(test_nodes::dangerous(call)),
        _ => generic::run(call),
    }
}
