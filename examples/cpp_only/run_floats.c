/* run_floats MODEL.xnor [INPUT.f32]: the network alone, from C. Prints the answer to each sample of
 * INPUT, raw float32 [samples][rows][columns][channels]; without it, to a sample of zeros. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <xnorkit/c_interface.h>

/* All of a file in memory of malloc, or NULL. */
static void* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  char* bytes = NULL;
  size_t room = 0, got = 0;
  *size = 0;
  if (file == NULL) return NULL;
  do {
    char* more = NULL;
    *size += got;
    if (*size == room) {
      room = room == 0 ? 1 << 16 : 2 * room;
      more = realloc(bytes, room);
      if (more == NULL) break;
      bytes = more;
    }
    got = fread(bytes + *size, 1, room - *size, file);
  } while (got > 0);
  if (ferror(file) || got > 0) {
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  return bytes;
}

static double microseconds(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

/* Runs the samples one by one and prints the answers; 0 where memory is short. */
static int run(void* engine, const float* input, size_t samples, size_t inputs, size_t outputs) {
  float* output = malloc(outputs * sizeof(float));
  if (output == NULL) return 0;
  xnor_run(engine, input, 1, output); /* the first finds cold caches */
  for (size_t sample = 0; sample < samples; ++sample) {
    const double begin = microseconds();
    xnor_run(engine, input + sample * inputs, 1, output);
    const double taken = microseconds() - begin;
    for (size_t i = 0; i < outputs; ++i) printf("%.9g ", (double)output[i]);
    printf("in %.0f us (%s)\n", taken, xnor_isa(engine));
  }
  free(output);
  return 1;
}

/* The samples of a file, or one of zeros where there is no path; NULL and a sentence if not. */
static float* read_samples(const char* path, size_t inputs, size_t* samples) {
  size_t size = inputs * sizeof(float);
  float* input = path == NULL ? calloc(inputs, sizeof(float)) : read_file(path, &size);
  *samples = size / sizeof(float) / inputs;
  if (input == NULL) {
    fprintf(stderr, "error: %s can't be read.\n", path == NULL ? "memory" : path);
  } else if (*samples == 0 || size % (inputs * sizeof(float)) != 0) {
    fprintf(stderr, "error: %s has %zu bytes: a sample has %zu float32.\n", path, size, inputs);
    free(input);
    input = NULL;
  }
  return input;
}

int main(int count, char** arguments) {
  char error[512] = "it can't be read.";
  size_t size = 0, inputs = 0, outputs = 0, samples = 0;
  int ops = 0, values = 0, done = 0;
  void *model, *engine = NULL;
  float* input = NULL;
  if (count < 2) {
    fprintf(stderr, "usage: %s MODEL.xnor [INPUT.f32]\n", arguments[0]);
    return 2;
  }
  model = read_file(arguments[1], &size);
  if (model != NULL) engine = xnor_create(model, size, NULL, error, sizeof error);
  free(model);
  if (engine == NULL) {
    fprintf(stderr, "error: %s: %s\n", arguments[1], error);
    return 2;
  }
  xnor_sizes(&inputs, &outputs, &ops, &values);
  input = read_samples(count > 2 ? arguments[2] : NULL, inputs, &samples);
  if (input != NULL) done = run(engine, input, samples, inputs, outputs);
  free(input);
  xnor_destroy(engine);
  return done ? 0 : 2;
}
