"""The C functions from samples to a label, in a program without Python."""

from heap_programs import heap_counts
from heard_model import CLIP, LABELS, RATE, heard_model

from xnorkit.deploy.generate import source
from xnorkit.deploy.program import program_of
from xnorkit.deploy.xnor_file import from_bytes

# Hears once, then counts what a hundred recordings and a stream take from the heap.
HEARS = r"""
    void* listener = xnor_listener_create(engine, bytes, size, error, sizeof error);
    if (listener == nullptr) return std::puts(error), 1;
    xnor_destroy(engine);
    size_t clip, hop;
    int rate, classes, decisions = 0;
    xnor_listener_sizes(listener, &rate, &clip, &hop, &classes);
    if (xnor_stream(listener, hop, 3, error, sizeof error) == 0) return std::puts(error), 1;
    if (xnor_stream(listener, hop + 1, 3, error, sizeof error) != 0) return 2;  // that one goes on
    if (xnor_listener_create(nullptr, bytes, size, error, sizeof error) != nullptr) return 3;
    if (std::strcmp(error, "engine=NULL: give one that xnor_create has made.") != 0) return 4;
    std::vector<int16_t> samples(4 * clip, 1000);
    std::vector<float> answer(classes), each(classes * xnor_windows(listener, samples.size()));
    const long before = taken;
    for (int i = 0; i < 100; ++i) {
      xnor_predict(listener, samples.data(), samples.size() - i, answer.data(), each.data());
    }
    for (size_t done = 0; done < samples.size();) {
      int decision;
      done += xnor_feed(listener, samples.data() + done, samples.size() - done, answer.data(),
                        &decision);
      decisions += decision >= 0;
    }
    std::printf("%s %d %zu %d %d %ld %d\n", isa, rate, clip, classes, decisions, taken - before,
                before > 2);
    xnor_listener_destroy(listener);
"""


def test_recordings_and_streams_are_heard_without_allocating(tmp_path):
    heard = heard_model()
    unit = source(program_of(from_bytes(heard.content), "heard"))
    lines = heap_counts(tmp_path, unit, HEARS, heard.content, "-Og")
    hop = heard.frontend.log_mel.hop_length
    for _, rate, clip, classes, decisions, taken, counted in lines:
        assert (int(rate), int(clip), int(classes)) == (RATE, CLIP, len(LABELS))
        assert int(decisions) == (3 * CLIP) // hop + 1
        assert taken == "0"
        assert counted == "1"  # the construction was seen
