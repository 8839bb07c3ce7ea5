// How loud the microphone is, for the level bar and the check; nothing is kept or sent from here.

/** Call `onLevel` with 0 to 1 about ten times a second until the returned function is called. */
export function watchLevel(stream: MediaStream, onLevel: (level: number) => void): () => void {
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 1024
  context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    let sum = 0
    for (const sample of samples) sum += sample * sample
    // Speech lies around 0.02 to 0.2 RMS: spread that over the bar.
    onLevel(Math.min(1, Math.sqrt(sum / samples.length) * 6))
  }, 100)
  return () => {
    clearInterval(timer)
    void context.close()
  }
}

/** Play one gentle tone of 0.8 s; resolves when it has ended. */
export function playTone(): Promise<void> {
  const context = new AudioContext()
  const tone = context.createOscillator()
  const volume = context.createGain()
  tone.frequency.value = 660
  volume.gain.setValueAtTime(0.0001, context.currentTime)
  volume.gain.exponentialRampToValueAtTime(0.3, context.currentTime + 0.05)
  volume.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + 0.8)
  tone.connect(volume).connect(context.destination)
  return new Promise((resolve) => {
    tone.onended = () => {
      void context.close()
      resolve()
    }
    tone.start()
    tone.stop(context.currentTime + 0.8)
  })
}
