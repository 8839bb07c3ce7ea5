// What goes on beside sheets and stages, with its words.

import './words'

import AsidesBar from './AsidesBar.vue'

export default AsidesBar
