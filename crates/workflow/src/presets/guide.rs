//! Advice on prompts for each family.

use serde::Serialize;

use crate::families::Family;

/// Prompting advice for one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Guide {
    /// Content, order and style of the prompt.
    pub prompt_structure: &'static str,
    /// The syntax that makes parts of the prompt stronger or weaker.
    pub weight_syntax: &'static str,
    /// Words that raise quality with this family; empty where they do nothing.
    pub quality_tags: &'static [&'static str],
    /// Advice on the negative prompt, or the reason why there is none.
    pub negative_prompt_tips: &'static str,
}

const WEIGHTS: &str = "(word:1.2) raises and (word:0.8) lowers the weight of a part; plain (word) is 1.1. Stay between 0.6 and 1.4. \\( and \\) are literal brackets. embedding:name inserts an embedding.";
const NO_WEIGHTS: &str =
    "None: the text encoder reads sentences. Say it in words (\"a very large…\") and put what matters first.";
const NO_NEGATIVE: &str = "At cfg 1 the negative prompt is not evaluated. Describe what should be there instead of what should not.";

impl Guide {
    /// Returns the advice for `family`.
    pub fn of(family: Family) -> Self {
        match family.medium() {
            crate::families::Medium::Image => Self::image(family),
            _ => Self::motion_or_sound(family),
        }
    }

    fn image(family: Family) -> Self {
        match family {
            Family::Sd15 => Self::tagged(
                "Short comma-separated phrases, the subject first: subject, action, setting, light, medium, style, camera. About 75 tokens count fully.",
                &["masterpiece", "best quality", "highly detailed", "sharp focus"],
                "Needed. List flaws and unwanted styles: lowres, bad anatomy, bad hands, extra fingers, blurry, jpeg artifacts, watermark, text.",
            ),
            Family::Sdxl => Self::tagged(
                "A natural phrase for subject and scene, then a few style terms: \"a red fox asleep in fresh snow, morning light, 85mm photograph\". Less tag stuffing than with SD 1.5.",
                &["highly detailed", "sharp focus", "professional photograph"],
                "Keep it short and specific: blurry, low quality, watermark, text, deformed. Long lists flatten the picture.",
            ),
            Family::SdxlTurbo | Family::SdxlLightning => Self::plain(
                "One concrete sentence about the subject plus two or three style words. Few steps leave little room for detail, so keep the scene simple.",
                WEIGHTS,
                NO_NEGATIVE,
            ),
            Family::Pony => Self::tagged(
                "Score tags, then a source and rating tag, then the subject in booru tags or a short sentence.",
                &["score_9", "score_8_up", "score_7_up", "source_anime", "rating_safe"],
                "score_4, score_5, score_6, and the sources you do not want (source_pony, source_furry), plus flaws such as bad hands.",
            ),
            Family::Illustrious => Self::tagged(
                "Booru tags in this order: count (1girl, 2boys), character, series, looks, clothes, pose, background, artist or style, quality tags last.",
                &["masterpiece", "best quality", "amazing quality", "very aesthetic", "absurdres"],
                "worst quality, bad quality, lowres, bad anatomy, bad hands, jpeg artifacts, signature, watermark.",
            ),
            Family::Sd3 => Self::plain(
                "Full sentences, up to a few hundred words. Subject, surroundings, composition, light, style; text to be written goes in \"quotes\".",
                NO_WEIGHTS,
                "Optional and short. It weakens detail when long; cfg 4 to 5 already keeps to the prompt.",
            ),
            Family::Flux | Family::Flux2 => Self::plain(
                "Describe the picture as to a person: subject, action, place, light, lens or medium, mood. Long, ordered sentences work; text to be written goes in \"quotes\".",
                NO_WEIGHTS,
                NO_NEGATIVE,
            ),
            Family::FluxKontext => Self::plain(
                "Give an instruction: what to change, and what must stay (\"change the jacket to red, keep the face and the background\"). One change at a time is most reliable.",
                NO_WEIGHTS,
                NO_NEGATIVE,
            ),
            Family::Cascade => Self::tagged(
                "A clear sentence for the scene followed by a few style terms. Text in the picture works for one or two short words.",
                &["highly detailed", "cinematic light"],
                "Short: blurry, deformed, watermark.",
            ),
            Family::QwenImage => Self::plain(
                "Detailed sentences in English or Chinese. Exact text in \"quotes\", with its place and lettering. For edit models: an instruction naming the object and the change.",
                NO_WEIGHTS,
                "Optional; a single space is fine. At cfg 1 (lightning LoRA) it is not evaluated.",
            ),
            Family::ZImage => Self::plain(
                "Long, concrete description in English or Chinese: subject, clothes, place, light, camera. Quote text to be written. Leave quality words out.",
                NO_WEIGHTS,
                NO_NEGATIVE,
            ),
            _ => Self::HIDREAM,
        }
    }

    const HIDREAM: Self = Self {
        prompt_structure: "Full sentences: subject, setting, composition, style. The model follows relations between objects well.",
        weight_syntax: NO_WEIGHTS,
        quality_tags: &[],
        negative_prompt_tips: "With the full model: bad hands, blurry, jpeg artifacts. With dev and fast (cfg 1) it is not evaluated.",
    };

    fn motion_or_sound(family: Family) -> Self {
        match family {
            Family::Wan => Self::plain(
                "Subject, what it does over the clip, surroundings, then camera movement (\"the camera pans left\") and style. Describe one continuous shot.",
                NO_WEIGHTS,
                "Useful: static, blurred, overexposed, subtitles, deformed hands, extra limbs, walking backwards.",
            ),
            Family::Ltxv => Self::plain(
                "One flowing paragraph in the present tense: the main action first, then movements in order, looks, background, camera angle and movement, light. Short prompts give poor motion.",
                NO_WEIGHTS,
                "low quality, worst quality, deformed, distorted, motion smear, motion artifacts.",
            ),
            Family::AceStep => Self::plain(
                "Tags: genre, instruments, voice, mood, BPM, separated by commas. Lyrics in lines under [verse], [chorus], [bridge]; [instrumental] for none.",
                NO_WEIGHTS,
                "Usually left empty (zeroed conditioning).",
            ),
            Family::StableAudio => Self::plain(
                "Genre, instruments, mood, tempo and format: \"warm lo-fi hip hop, dusty drums, electric piano, 85 BPM, stereo\". For effects name the source and the room.",
                NO_WEIGHTS,
                "Short: low quality, distorted, vocals.",
            ),
            _ => Self::plain(
                "Subject, motion, scene, camera, light and style in a few sentences. Name the shot (close-up, wide) and the camera movement.",
                NO_WEIGHTS,
                NO_NEGATIVE,
            ),
        }
    }

    fn tagged(structure: &'static str, tags: &'static [&'static str], negative: &'static str) -> Self {
        Self {
            prompt_structure: structure,
            weight_syntax: WEIGHTS,
            quality_tags: tags,
            negative_prompt_tips: negative,
        }
    }

    fn plain(structure: &'static str, weights: &'static str, negative: &'static str) -> Self {
        Self {
            prompt_structure: structure,
            weight_syntax: weights,
            quality_tags: &[],
            negative_prompt_tips: negative,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_complete_advice() {
        for family in Family::all() {
            let guide = Guide::of(family);
            assert!(guide.prompt_structure.len() > 40, "{family:?}");
            assert!(guide.negative_prompt_tips.len() > 20, "{family:?}");
        }
    }
}
