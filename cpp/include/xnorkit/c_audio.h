/* From 16-bit samples to a label: what an engine library offers for a model.xnor that says how its
 * features are computed and what its answers are called.
 *
 *   void* engine = xnor_create(bytes, size, NULL, error, sizeof error);
 *   void* listener = xnor_listener_create(engine, bytes, size, error, sizeof error);
 *   int best = xnor_predict(listener, samples, count, probabilities, NULL);
 *   puts(xnor_label(listener, best));
 *
 * A listener shares the engine's weights and has its own memory to run in, so the engine may be
 * destroyed first. One thread uses it at a time; different listeners are independent. After
 * xnor_listener_create and xnor_stream nothing is allocated.
 *
 * Samples are mono, at the rate of xnor_listener_sizes. Those functions that end in _float take
 * them as finite floats of full scale 1 instead. */
#ifndef XNORKIT_C_AUDIO_H_
#define XNORKIT_C_AUDIO_H_

#include <stdint.h>

#include "xnorkit/c_interface.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A listener for an engine and the bytes that made it, or NULL and a sentence in `error`; the
 * arguments are as for xnor_create. */
XNORKIT_EXPORT void* xnor_listener_create(const void* engine, const void* bytes, size_t size,
                                          char* error, size_t error_size) XNORKIT_NOEXCEPT;

/* NULL is allowed. */
XNORKIT_EXPORT void xnor_listener_destroy(void* listener) XNORKIT_NOEXCEPT;

/* Samples a second, samples of a clip (what the network hears at once), samples from one column of
 * features to the next, number of classes. */
XNORKIT_EXPORT void xnor_listener_sizes(const void* listener, int* rate, size_t* clip, size_t* hop,
                                        int* classes) XNORKIT_NOEXCEPT;

/* UTF-8 name of a class; NULL where there is none of this number. */
XNORKIT_EXPORT const char* xnor_label(const void* listener, int index) XNORKIT_NOEXCEPT;

/* The network's input for one clip of samples: [mels][columns]. */
XNORKIT_EXPORT void xnor_features(void* listener, const int16_t* clip,
                                  float* features) XNORKIT_NOEXCEPT;
XNORKIT_EXPORT void xnor_features_float(void* listener, const float* clip,
                                        float* features) XNORKIT_NOEXCEPT;

/* How many windows a recording of so many samples is heard in, and where each begins: clips that
 * overlap by half, the last one ends with the recording. */
XNORKIT_EXPORT size_t xnor_windows(const void* listener, size_t count) XNORKIT_NOEXCEPT;
XNORKIT_EXPORT size_t xnor_window_start(const void* listener, size_t count,
                                        size_t window) XNORKIT_NOEXCEPT;

/* The likeliest class of a recording of `count` samples; one shorter than a clip is followed by
 * silence.
 *   probabilities  [classes], the mean over the windows
 *   windows        [xnor_windows(listener, count)][classes], each window's; may be NULL */
XNORKIT_EXPORT int xnor_predict(void* listener, const int16_t* samples, size_t count,
                                float* probabilities, float* windows) XNORKIT_NOEXCEPT;
XNORKIT_EXPORT int xnor_predict_float(void* listener, const float* samples, size_t count,
                                      float* probabilities, float* windows) XNORKIT_NOEXCEPT;

/* Begins a stream, a decision every `hop` samples; what was fed before is forgotten. 1, or 0 and a
 * sentence in `error`: then the stream before it, if there was one, goes on.
 *   hop        a multiple of the features' hop, at most a clip
 *   smoothing  how many decisions are averaged, this one and those before it; 1: none */
XNORKIT_EXPORT int xnor_stream(void* listener, size_t hop, int smoothing, char* error,
                               size_t error_size) XNORKIT_NOEXCEPT;

/* Feeds a stream up to its next decision. Returns how many samples it took; feed the rest again.
 * Before xnor_stream it takes all and decides nothing.
 *   probabilities  [classes], written with each decision; NULL: the features only are kept up
 *   decision       the likeliest class (0 where probabilities is NULL), or -1 while there is no
 *                  decision
 * The first decision is on the first clip, each next one on a clip that begins a hop later; it is
 * what xnor_predict says of that clip. */
XNORKIT_EXPORT size_t xnor_feed(void* listener, const int16_t* samples, size_t count,
                                float* probabilities, int* decision) XNORKIT_NOEXCEPT;
XNORKIT_EXPORT size_t xnor_feed_float(void* listener, const float* samples, size_t count,
                                      float* probabilities, int* decision) XNORKIT_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* XNORKIT_C_AUDIO_H_ */
