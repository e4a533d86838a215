"""Thin adapters to what other packages hand around.

`labeler.integrations.segments` marks a ``pydub.AudioSegment``, `labeler.integrations.tts` is the
watermarker that text-to-speech packages expect. `labeler.integrations.transformers` and
`labeler.integrations.llama_cpp` mark the text that these libraries generate, and
`labeler.integrations.engines` configures the marks that vLLM and SGLang write. None of
them needs the package that it adapts to.
"""
