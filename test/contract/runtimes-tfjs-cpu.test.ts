import { tfjsContract } from './runtimes-tfjs.suite.js';

tfjsContract('cpu');
